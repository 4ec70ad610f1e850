"""Lists in lines: the items of YAML, the sections of INI and TOML. The text stays, a record is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from exfilter.content.block import Block

# Each begins with a line end: the search for a letter is fast.
_KEY = r"[\"']?[\w .@+-]{1,60}[\"']?:(?=\s)"
_ITEM = re.compile(rf"\n([ ]{{0,40}})- +(?:[&!][^\s]{{1,100}} +){{0,2}}{_KEY}(?=[^\n]*\n\1  ? ?{_KEY})")
"""An item with a second name below the first: lines of prose have none."""
_FLOW = re.compile(r"\n([ ]{0,40})- +[{\[&!]")
_DASH = re.compile(r"\n([ ]{0,40})- ")
_SECTION = re.compile(r"\n\[{1,2}[^\[\]\n]{1,200}\]{1,2}(?=[ \t]*\r?(?:\n|\Z))")
_FILLED = re.compile(
    rf"{_SECTION.pattern}\s*(?:\n[ \t]*[#;][^\n]*)*\s*\n[ \t]*[\w.\"'-]{{1,80}}[ \t]*=[ \t]*\S"
)
"""A section with a name and a value below it."""
_SAMPLE = 1 << 14
_SHARE = 2
"""One in so many items or sections has names and values at least."""


def recognises(sample: str) -> bool:
    """Whether text has several items with names and values, or several sections with them."""
    return _mark(sample) is not None


def _mark(sample: str) -> re.Pattern[str] | None:
    """Return what begins a record: of nested items, the outermost that occur more than once."""
    led = f"\n{sample[:_SAMPLE]}"
    if "\n[" in led:
        filled = len(_FILLED.findall(led))
        if filled > 1 and _SHARE * filled >= len(_SECTION.findall(led)):
            return _SECTION
    if "- " not in led or not (_ITEM.search(led) or _FLOW.search(led)):
        return None
    indents = Counter(map(len, _ITEM.findall(led) + _FLOW.findall(led)))
    dashes = Counter(map(len, _DASH.findall(led)))
    often = [indent for indent, times in indents.items() if times > 1 and _SHARE * times >= dashes[indent]]
    return re.compile(rf"\n {{{min(often)}}}- ") if often else None


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield the blocks as they are, with the offsets of their items."""
    mark: re.Pattern[str] | None = None
    for text in blocks:
        mark = mark or _mark(text)
        # With a line end in front, a place is where the line begins in the text.
        found = mark.finditer(f"\n{text}") if mark else ()
        yield Block("", text, np.array([each.start() for each in found], dtype=np.int64))
