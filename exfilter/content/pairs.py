"""The fields of a form: short ones are read together, so that they are near, long ones alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from exfilter.content import text
from exfilter.content.block import Block, Format
from exfilter.content.budget import Item
from exfilter.content.codes import places
from exfilter.content.content import Content
from exfilter.model import Reason

_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_BLANKS = bytes.maketrans(bytes([*range(0x09), *range(0x0E, 0x20)]), b" " * 27)
_DIGITS = re.compile(rb"\d+")
SHORT = 1 << 10
_STRUCTURED = re.compile(rb"\s*[\[{<]|[^\n]*\n[^\n]*\n[^\n]*\n|[^\x00-\x08\x0e-\x1f]*[\x00-\x08\x0e-\x1f]")


class Beginnings:
    """Says which fields begin a record: the first, and those in which its name comes again.

    Also with another number in it: ``rows[0][name]``. One name alone, again and again, is a list.
    """

    def __init__(self) -> None:
        """Begin in front of the first field."""
        self._first = b""
        self._several = False

    def at(self, name: bytes) -> bool:
        """Whether a record begins with the next field, which has this name."""
        kind = name if name.isalpha() else _DIGITS.sub(b"#", name)
        begins = bool(kind) and (not self._first or (kind == self._first and self._several))
        if begins:
            self._first, self._several = kind, False
        self._several = self._several or kind != self._first
        return begins


class Pairs:
    """Collects short values, one a line, and their names apart.

    Between two values stand no words of the form's own: a given and a family name in fields of their
    own are still one name.
    """

    def __init__(self, content: Content, step: str) -> None:
        """Collect for `content`."""
        self._content = content
        self._step = step
        self._values: list[bytes] = []
        self._names: list[bytes] = []
        self._size = 0
        self._skipped = 0
        self._beginnings = Beginnings()
        self._line = 0
        self._records: list[int] = []
        """Lines with which records begin."""

    def add(self, name: bytes, value: bytes | None = None) -> None:
        """Append a pair. None: the value is read elsewhere."""
        self._names.append(name.replace(b"\n", b" "))
        if self._beginnings.at(name):
            self._records.append(self._line)
        if value is not None:
            self._append(value)
        self._size += len(name)

    def _append(self, value: bytes) -> None:
        self._values.append(value)
        self._line += value.count(b"\n") + 1
        self._size += len(value)

    def opens(self, value: bytes, *, coded: bool = False) -> bool:
        """Whether a value that is no simple one is opened by itself.

        After many small ones it is read with the others, so that their number costs nothing; what
        would have had to be opened to be read is reported.
        """
        if len(value) > self._content.budget.limits.small_bytes or self._content.budget.small():
            return True
        if coded or _CONTROLS.search(value) or b"%PDF-" in value:
            self._skipped += len(value)
        self._append(value.translate(_BLANKS))
        return False

    def read(self, *, last: bool) -> Iterator[Item]:
        """Yield the parts of what was collected, if it is much or the `last` time."""
        if not last and self._size < self._content.budget.limits.slice_bytes:
            return
        for lines, steps in ((self._values, (self._step,)), (self._names, (self._step, "names"))):
            data = b"\n".join(lines)
            if data.strip():
                form = _rows(self._records if lines is self._values else [])
                yield from text.plain(self._content.within(iter([data]), *steps), form)
            lines.clear()
        self._records.clear()
        self._size = self._line = 0
        if self._skipped:
            yield self._content.unscanned(Reason.OVER_BUDGET, self._skipped)
            self._skipped = 0


def _rows(records: list[int]) -> Format:
    """Return a text of lines, with the numbers of those that begin a record."""
    wanted = np.unique(np.array(records, dtype=np.int64))

    def read(blocks: Iterator[str]) -> Iterator[Block]:
        before = 0
        for block in blocks:
            starts = np.append(0, places(block, "\n") + 1)
            here = starts[wanted[(wanted >= before) & (wanted < before + len(starts))] - before]
            yield Block("", block, here[here < len(block)] if records else None)
            before += len(starts) - 1

    return Format("lines", lambda _: True, read)


def simple(value: bytes) -> bool:
    """Whether a value is a short piece of text without structure of its own."""
    return len(value) <= SHORT and not _STRUCTURED.match(value)
