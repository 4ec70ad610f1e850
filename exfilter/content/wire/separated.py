"""Text parted by control characters: JSON sequences (RFC 7464), ASCII's own separators, ``^A``, zeros."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from exfilter.content import sniff, wide
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.wire.rows import written

_FEW = 3
"""Different control characters that separate, at most."""
_RECORDS = b"\x00\x1c\x1d\x1e"
_WIDE = re.compile(rb"[^\x00]\x00[^\x00]\x00[^\x00]\x00")


def _recognises(content: Content) -> bool:
    start = content.stream.head(sniff.SPAN)
    if sniff.textual(start) or len(_separators(start)) > _FEW:
        return False
    head = content.stream.head()
    marks = _separators(head)
    rest = head.translate(_table(marks))
    separated = len(marks) <= _FEW and written(rest) and not rest.isspace()
    return separated and not _WIDE.search(head) and not sniff.signature(head) and not wide.charset(head)


def _separators(head: bytes) -> bytes:
    return np.unique(np.frombuffer(head, dtype=np.uint8)[sniff.controls(head)]).tobytes()


def _table(marks: bytes) -> bytes:
    """Return what these become: line ends, or tabs. Others stay: they say that it is no text any more."""
    return bytes.maketrans(marks, bytes(b"\n"[0] if mark in _RECORDS else b"\t"[0] for mark in marks))


def _read(content: Content, opened: Open) -> Iterator[Item]:
    table = _table(_separators(content.stream.head()))
    chunks = (chunk.translate(table) for chunk in content.stream)
    yield from opened(content.within(chunks, "separated", declared=content.declared))


READER = Reader("separated", _recognises, _read)
