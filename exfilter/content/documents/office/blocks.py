"""The text of elements that are open, and what becomes of it when they end.

Runs of one paragraph are joined, whatever stands between them; what is no part of the paragraph (a note,
a text box, the reading of a word) is a piece of its own in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content.documents.office.lines import Lines
from exfilter.content.documents.office.strings import unescaped
from exfilter.content.documents.office.vocabulary import Role
from exfilter.content.sandbox.found import Text

# Control characters that XML cannot contain (XML 1.0, section 2.2) stand around what is not simply text.
MARKS = {Role.DELETED: ("\x01", "\x02"), Role.INSERTED: ("\x03", "\x04"), Role.INSTRUCTION: ("\x05", "\x06")}
_DELETED, _INSERTED, _INSTRUCTION = (
    re.compile(f"{begin}([^{begin}{end}]*){end}") for begin, end in MARKS.values()
)
_MARKED = re.compile("[\x01-\x06]")
_MEASURE = re.compile(r"[-\d.,\s]*|true|false")
_HEADER_CODE = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f]{6}|\d{1,3}|[A-Za-z+-])')


class Blocks:
    """Puts the text of one part together."""

    def __init__(self, channel: str) -> None:
        """Yield it in this channel, and rows of tables in one beside it."""
        self.out: list[str] = []
        """Text of the open elements, the outermost first."""
        self.rows = Lines(f"{channel} rows".lstrip())
        self.prose = Lines(channel)
        self._lines = self.prose
        self._depth = 0
        self._marks: list[int] = []
        """Where in ``out`` the text of each open element begins ..."""
        self._counts: list[int] = []
        """... and how many pieces there were before."""
        self._count = 0
        self.heard: list[str] | None = None
        """Collects what is added, where somebody wants to know."""

    @property
    def held(self) -> int:
        """Characters that wait for the end of an element."""
        return sum(map(len, self.out))

    def open(self) -> None:
        """Begin an element whose text is a piece of its own."""
        self._marks.append(len(self.out))
        self._counts.append(self._count)

    def taken(self) -> str:
        """Take the text of the innermost element, so far."""
        text = "".join(self.out[self._marks[-1] :])
        del self.out[self._marks[-1] :]
        return text

    def end(self, after: str) -> None:
        """End an element: `after` follows its text, if it has some, and a new line what stood in it."""
        mark, before = self._marks.pop(), self._counts.pop()
        text = "".join(self.out[mark:])
        if text:
            del self.out[mark:]
        if text and not text.isspace():
            self.add(text, after)
        elif self._count != before:
            self._lines.follow("\n")

    def end_measure(self) -> None:
        """End an element whose number says nothing."""
        text = self.taken()
        if not _MEASURE.fullmatch(text):
            self.out.append(text)
        self.end("\t")

    def end_header(self) -> None:
        """End a header: as it is written, and without its codes."""
        text = self.taken()
        self.out += [text, "\n", _HEADER_CODE.sub(" ", text)]
        self.end("\n")

    def open_row(self) -> None:
        """Begin a record."""
        self.open()
        self._depth += 1
        self._lines = self.rows
        self.rows.begin()

    def end_row(self) -> None:
        """End a record. What follows in the row around it is another one."""
        self.end("\n")
        self._depth -= 1
        if self._depth:
            self.rows.begin()
        else:
            self._lines = self.prose

    def end_cell(self) -> None:
        """End a field of a record."""
        before = self._counts[-1]
        self.end("\t")
        if self._count != before:
            self._lines.follow("\t")

    def add(self, text: str, after: str) -> None:
        """Add a piece in all its readings."""
        for reading in readings(text) if _MARKED.search(text) else (text,):
            self._lines.add(unescaped(reading), after)
            self._count += 1
            if self.heard is not None:
                self.heard.append(reading)

    def spill(self) -> None:
        """Yield what waits for the end of elements that are too long."""
        text = "".join(self.out)
        self.out.clear()
        self._marks = [0] * len(self._marks)
        if not text.isspace():
            self.add(text, "")

    def pieces(self, *, last: bool = False) -> Iterator[Text]:
        """Yield what was collected, if it is enough or the `last` time."""
        yield from self.prose.pieces(last=last)
        yield from self.rows.pieces(last=last)


def readings(text: str) -> list[str]:
    """Return a text without what was deleted, without what was inserted, and what else is in it."""
    instructions = "".join(_INSTRUCTION.findall(text))
    text = _INSTRUCTION.sub("", text)
    now, before = _DELETED.sub("", text), _INSERTED.sub("", text)
    deleted, inserted = _DELETED.findall(text), _INSERTED.findall(text)
    found = [now, before, instructions]
    if deleted != _DELETED.findall(before) or inserted != _INSERTED.findall(now):  # one inside the other
        found += [*deleted, *inserted]
    plain = dict.fromkeys(_MARKED.sub("", reading) for reading in found)
    return [reading for reading in plain if reading and not reading.isspace()]
