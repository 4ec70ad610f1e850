"""The fields of a form: short ones are read together, so that they are near, long ones alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content import text
from exfilter.content.budget import Item
from exfilter.content.content import Content
from exfilter.model import Reason

_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_BLANKS = bytes.maketrans(bytes([*range(0x09), *range(0x0E, 0x20)]), b" " * 27)
SHORT = 1 << 10
_STRUCTURED = re.compile(rb"\s*[\[{<]|[^\n]*\n[^\n]*\n[^\n]*\n|[^\x00-\x08\x0e-\x1f]*[\x00-\x08\x0e-\x1f]")


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

    def add(self, name: bytes, value: bytes | None = None) -> None:
        """Append a pair. None: the value is read elsewhere."""
        self._names.append(name.replace(b"\n", b" "))
        if value is not None:
            self._values.append(value)
        self._size += len(name) + len(value or b"")

    def opens(self, value: bytes, *, coded: bool = False) -> bool:
        """Whether a value that is no simple one is opened by itself.

        After many small ones it is read with the others, so that their number costs nothing; what
        would have had to be opened to be read is reported.
        """
        if len(value) > self._content.budget.limits.small_bytes or self._content.budget.small():
            return True
        if coded or _CONTROLS.search(value) or b"%PDF-" in value:
            self._skipped += len(value)
        self._values.append(value.translate(_BLANKS))
        self._size += len(value)
        return False

    def read(self, *, last: bool) -> Iterator[Item]:
        """Yield the parts of what was collected, if it is much or the `last` time."""
        if not last and self._size < self._content.budget.limits.slice_bytes:
            return
        for lines, steps in ((self._values, (self._step,)), (self._names, (self._step, "names"))):
            data = b"\n".join(lines)
            lines.clear()
            if data.strip():
                yield from text.plain(self._content.within(iter([data]), *steps))
        self._size = 0
        if self._skipped:
            yield self._content.unscanned(Reason.OVER_BUDGET, self._skipped)
            self._skipped = 0


def simple(value: bytes) -> bool:
    """Whether a value is a short piece of text without structure of its own."""
    return len(value) <= SHORT and not _STRUCTURED.match(value)
