"""The fields of a form: short ones are read together, so that they are near, long ones alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content import text
from exfilter.content.budget import Item
from exfilter.content.content import Content

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

    def add(self, name: bytes, value: bytes | None = None) -> None:
        """Append a pair. None: the value is read elsewhere."""
        self._names.append(name.replace(b"\n", b" "))
        if value is not None:
            self._values.append(value)
        self._size += len(name) + len(value or b"")

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


def simple(value: bytes) -> bool:
    """Whether a value is a short piece of text without structure of its own."""
    return len(value) <= SHORT and not _STRUCTURED.match(value)
