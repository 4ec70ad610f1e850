"""Lists in lines: the items of YAML, the sections of INI and TOML. The text stays, a record is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from exfilter.content.block import Block

# Each begins with a line end: the search for a letter is fast.
_ITEM = re.compile(r"\n([ ]{0,40})- +(?:[&!][^\s]{1,100} +){0,2}[\"']?[\w .@+-]{1,60}[\"']?:(?=\s)")
_FLOW = re.compile(r"\n([ ]{0,40})- +[{\[&!]")
_SECTION = re.compile(r"\n\[{1,2}[^\[\]\n]{1,200}\]{1,2}(?=[ \t]*\r?(?:\n|\Z))")
_PAIR = re.compile(r"\n[ \t]*[\w.\"'-]{1,80}[ \t]*=[ \t]*\S")
_SAMPLE = 1 << 14


def recognises(sample: str) -> bool:
    """Whether text has several items with names and values, or several sections with them."""
    return _mark(sample) is not None


def _mark(sample: str) -> re.Pattern[str] | None:
    """Return what begins a record: of nested items, the outermost that occur more than once."""
    led = f"\n{sample[:_SAMPLE]}"
    if "\n[" in led and len(_SECTION.findall(led)) > 1 and len(_PAIR.findall(led)) > 1:
        return _SECTION
    if "- " not in led or not _ITEM.search(led):
        return None
    indents = Counter(map(len, _ITEM.findall(led) + _FLOW.findall(led)))
    often = [indent for indent, times in indents.items() if times > 1]
    return re.compile(rf"\n {{{min(often)}}}- ") if often else None


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield the blocks as they are, with the offsets of their items."""
    mark: re.Pattern[str] | None = None
    for text in blocks:
        mark = mark or _mark(text)
        # With a line end in front, a place is where the line begins in the text.
        found = mark.finditer(f"\n{text}") if mark else ()
        yield Block("", text, np.array([each.start() for each in found], dtype=np.int64))
