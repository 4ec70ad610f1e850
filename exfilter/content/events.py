"""Event streams (text/event-stream, WHATWG HTML, section 9.2): the text stays, a record is an event."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from exfilter.content.block import Block

_FIELD = r"(?:event|id|retry|data)?:[^\n]*\n|(?:\r?\n)"
_BEGIN = re.compile(rf"(?:{_FIELD}){{0,20}}?data:")
_EVENT = re.compile(r"\n\r?\n(?=[^\r\n])")


def recognises(sample: str) -> bool:
    """Whether text begins with the fields of an event."""
    return sample[:1] in "edir:\r\n" and _BEGIN.match(sample) is not None


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield the blocks as they are. An event begins behind an empty line."""
    before = "\n\n"
    for text in blocks:
        joined = before + text
        starts = [match.end() - len(before) for match in _EVENT.finditer(joined)]
        yield Block("", text, np.array([start for start in starts if start >= 0], dtype=np.int64))
        before = joined[-3:]
