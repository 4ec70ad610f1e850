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
    """Collects names and short values, one pair a line."""

    def __init__(self, content: Content, step: str) -> None:
        """Collect for `content`."""
        self._content = content
        self._step = step
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, name: bytes, value: bytes) -> None:
        """Append a pair."""
        line = b"%s=%s\n" % (name.replace(b"\n", b" "), value) if name else value + b"\n"
        self._lines.append(line)
        self._size += len(line)

    def read(self, *, last: bool) -> Iterator[Item]:
        """Yield the parts of what was collected, if it is much or the `last` time."""
        if self._lines and (last or self._size >= self._content.budget.limits.slice_bytes):
            data = b"".join(self._lines)
            self._lines, self._size = [], 0
            yield from text.plain(self._content.within(iter([data]), self._step))


def simple(value: bytes) -> bool:
    """Whether a value is a short piece of text without structure of its own."""
    return len(value) <= SHORT and not _STRUCTURED.match(value)
