"""The rows of a sheet (ECMA-376-1, 18.3.1.80) and the table of shared strings (18.4.9).

They are most of what a document can hold, so they are walked by handlers of their own while they last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import chain
from xml.parsers.expat import XMLParserType

from exfilter.content.documents.office.lines import Lines
from exfilter.content.documents.office.plain import CELL, ITEM, ROW, Sieve
from exfilter.content.documents.office.strings import Strings, unescaped
from exfilter.content.documents.office.vocabulary import local

_MOST = 20_000
"""Cells of a row, from which on it is cut. A sheet has 16,384 columns."""
_ATTRIBUTES = 3
"""Of a cell: where it is, its style, its type."""
_EMPTY = 1 << 19
"""Rows of a sheet in which nothing stands, from which on it is no sheet that anybody wrote."""
Note = Callable[[str, Mapping[str, str]], None]
"""Reads attributes."""


class EmptyError(Exception):
    """The sheet has rows without number in which nothing stands: it is there to take time."""


def number(text: str) -> str:
    """Return a number as one types it: programs write 48123456789 as 4.8123456789E10 or 48123456789.0."""
    if text.endswith(".0"):
        return text[:-2]
    if "E" in text or "e" in text:
        try:
            value = float(text)
        except ValueError:
            return text
        return str(int(value)) if abs(value) < 1e17 and value.is_integer() else text
    return text


class Handlers(ABC):
    """Handlers that take over from others until their element ends."""

    def __init__(self, parser: XMLParserType, name: str, sieve: Sieve) -> None:
        """`name`: of the element."""
        self.sieve = sieve
        """What the parser need not see."""
        self.ended = False
        self.depth = 0
        """Elements that are open."""
        self._parser = parser
        self._name = name
        self._out: list[str] = []
        self._prefix = name[: len(name) - len(local(name))]
        self._before = (parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler)
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self._out.append

    @abstractmethod
    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the beginning of an element."""

    @abstractmethod
    def end(self, name: str) -> None:
        """Handle the end of an element."""

    @abstractmethod
    def flush(self) -> None:
        """Put out what is not whole."""

    @property
    @abstractmethod
    def held(self) -> int:
        """Characters that wait to be whole."""

    def leave(self) -> None:
        """Give back the handlers that were there before."""
        self.flush()
        start, end, text = self._before
        self._parser.StartElementHandler, self._parser.EndElementHandler = start, end
        self._parser.CharacterDataHandler = text
        self.ended = True

    def taken(self) -> str:
        """Return the text since the last time."""
        text = "".join(self._out)
        self._out.clear()
        return text


class Sheet(Handlers):
    """The rows of a sheet: each a record, with its cells in the order of their columns."""

    def __init__(self, parser: XMLParserType, name: str, lines: Lines, strings: Strings, note: Note) -> None:
        """Put the rows to `lines`, with texts from `strings`."""
        super().__init__(parser, name, Sieve(ROW, b"</sheetData", self._plain))
        self._lines = lines
        self._strings = strings
        self._note = note
        self._cell, self._value, self._row = (self._prefix + each for each in ("c", "v", "row"))
        self._about: Mapping[str, str] = {}
        self._texts: list[str] = []
        self._places: list[str] = []
        self._runs: list[str] = []
        self._tail: list[str] = []
        """What belongs to no column: formulas, readings, stray text."""
        self._aside = False
        self._empty = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See ``Handlers``."""
        self.depth += 1
        if self._out:
            self._stray()
        if name == self._cell:
            self._about = attributes
            if len(attributes) > _ATTRIBUTES:
                self._note(name, attributes)
        elif attributes and name != self._row:
            self._note(name, attributes)
        if local(name) == "cell":  # of a workbook elsewhere
            self._about = attributes
        self._aside = self._aside or local(name) == "rPh"

    def end(self, name: str) -> None:
        """See ``Handlers``."""
        self.depth -= 1
        if name == self._value:
            self._put(self._told(self._about.get("t", ""), self.taken()), self._about.get("r", ""))
        elif name == self._row:
            self.flush()
        elif name == self._name:
            self.leave()
        elif name != self._cell:
            self._end_other(local(name))

    def _plain(self, row: str) -> None:
        """Read the cells of a row that the parser has not seen."""
        for place, kind, formula, value, inline in CELL.findall(row):
            text = self._told(kind, value or inline)
            if text:
                self._texts.append(text)
                self._places.append(place)
            if formula:
                self._tail.append(formula)
        self.flush()

    def _told(self, kind: str, text: str) -> str:
        """Return what a cell of that type says (ECMA-376-1, 18.18.11)."""
        if kind == "s":
            return self._strings.text(text)
        return unescaped(text) if kind and kind != "n" else number(text)

    def _put(self, text: str, place: str) -> None:
        if text:
            self._texts.append(text)
            self._places.append(place or (self._places[-1] if self._places else ""))
            if len(self._texts) > _MOST:
                self.flush()

    def _end_other(self, name: str) -> None:
        if name == "t" and not self._aside:
            self._runs.append(self.taken())
        elif name == "is":
            self._put(unescaped("".join(self._runs)), self._about.get("r", ""))
            self._runs.clear()
        elif self._out:
            self._stray()
        if name == "rPh":
            self._aside = False

    def _stray(self) -> None:
        text = unescaped(self.taken())
        if not text.isspace():
            self._tail.append(text)
            if len(self._tail) > _MOST:
                self.flush()

    @property
    def held(self) -> int:
        """See ``Handlers``."""
        return sum(map(len, chain(self._out, self._runs, self._texts, self._tail)))

    def flush(self) -> None:
        """Put out the row."""
        self._tail += self._runs
        self._runs.clear()
        if self._out:
            self._stray()
        texts, places = self._texts, self._places
        columns = list(zip(map(len, places), places, strict=True))
        if columns != sorted(columns):
            texts = [texts[each] for each in sorted(range(len(texts)), key=columns.__getitem__)]
        if texts or self._tail:
            self._lines.row("\t".join([*texts, *self._tail]))
        else:
            self._empty += 1
            if self._empty > _EMPTY:
                raise EmptyError
        self._texts.clear()
        self._places.clear()
        self._tail.clear()


class Shared(Handlers):
    """The table of shared strings: its runs are joined, readings (phonetic runs) are not part of them."""

    def __init__(self, parser: XMLParserType, name: str, lines: Lines, strings: Strings | None) -> None:
        """Put the texts to `strings`, and to `lines` what has no room there."""
        super().__init__(parser, name, Sieve(ITEM, b"</sst", self._put))
        self._lines = lines
        self._strings = strings
        self._text, self._item, self._reading = (self._prefix + each for each in ("t", "si", "rPh"))
        self._runs: list[str] = []
        self._aside = False

    def start(self, name: str, _: dict[str, str]) -> None:
        """See ``Handlers``."""
        self.depth += 1
        if self._out:
            self._line(self.taken())
        self._aside = self._aside or name == self._reading

    def end(self, name: str) -> None:
        """See ``Handlers``."""
        self.depth -= 1
        if name == self._text and not self._aside:
            self._runs.append(self.taken())
        elif name == self._item:
            self._put("".join(self._runs))
            self._runs.clear()
        elif self._out:
            self._line(self.taken())
        if name == self._reading:
            self._aside = False
        elif name == self._name:
            self.leave()

    @property
    def held(self) -> int:
        """See ``Handlers``."""
        return sum(map(len, chain(self._out, self._runs)))

    def flush(self) -> None:
        """See ``Handlers``."""
        self._line("".join([*self._runs, self.taken()]))
        self._runs.clear()

    def _put(self, text: str) -> None:
        if self._strings is None or not self._strings.add(unescaped(text)):
            self._line(text)

    def _line(self, text: str) -> None:
        if text and not text.isspace():
            self._lines.add(unescaped(text), "\n")
