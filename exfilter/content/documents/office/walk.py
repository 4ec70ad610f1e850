"""A walk over every element of one XML part of a document.

What is hidden, deleted, noted or not referred to stands there like anything else. Nothing recurses, and
an open element takes a few numbers.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import unescape
from xml.parsers import expat

from exfilter.content.documents.office.attributes import Attributes
from exfilter.content.documents.office.blocks import MARKS, Blocks
from exfilter.content.documents.office.lines import Lines
from exfilter.content.documents.office.sheets import Handlers, Shared, Sheet, number
from exfilter.content.documents.office.strings import Strings
from exfilter.content.documents.office.vocabulary import BREAKS, MIXED, OFFICE, Role, local, role
from exfilter.content.sandbox.found import Found, Member

_STEP = 1 << 16
"""Bytes that are parsed at once."""
_HELD, _HELD_BINARY = 1 << 22, 24 << 20
"""Bytes of XML whose text may wait for the end of an element."""
_NAMES = 10_000
_DEPTH, _VARIETY, _LONGEST = 1 << 18, 1 << 18, 1 << 24
"""Elements that are open, names, and bytes of a tag: beyond these the parser would take all memory."""
_REMOVED = 1 << 20
"""Characters of tracked deletions that are put back to where they were."""
_DIGITS = re.compile(r"(?:\d\D{0,3}){5}")

Begin = Callable[[str, Mapping[str, str]], object]
End = Callable[[], object]


class DeclaredError(Exception):
    """The part declares entities: what they stand for is not put in their places."""


class WildError(Exception):
    """The part nests its elements too deep, has too many names, or tags that are too long."""


class Walk:
    """Reads one part."""

    def __init__(
        self, channel: str, attributes: Attributes, beside: Lines, strings: Strings, table: Strings | None
    ) -> None:
        """`beside`: where attributes go; `table`: to be filled with the shared strings of this part."""
        self._blocks = Blocks(channel)
        self._attributes = attributes
        self._beside = beside
        self._strings = strings
        self._table = table
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._root
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._blocks.out.append
        self._parser.EntityDeclHandler = self._declared
        self._parser.SkippedEntityHandler = self._skipped
        self._parser.UseForeignDTD(True)  # noqa: FBT003 - an entity that nobody declares is no error
        self._pairs: dict[str, tuple[Begin | None, End | None]] = {}
        self._behaviours: dict[Role, tuple[Begin | None, End | None]] = {}
        self._office = self._known = False
        self._looks = 0
        self._binary = False
        self._members: list[Member] = []
        self._change = ""
        self._removed: dict[str, str] = {}
        self._room = _REMOVED
        self._waiting = self._given = self._depth = 0
        self._inner: Handlers | None = None
        """Who handles the elements in the meantime."""

    def read(self, chunks: Iterable[bytes]) -> Iterator[Found]:
        """Yield what is found. Raises ExpatError, DeclaredError or WildError behind what is whole."""
        try:
            for chunk in chunks:
                for start in range(0, len(chunk), _STEP):
                    yield from self._step(chunk[start : start + _STEP])
            if self._inner is not None:
                self._give(self._inner.sieve.last())
            self._parser.Parse(b"", True)  # noqa: FBT003 - it takes no keyword
        except Exception:
            yield from self._rest()
            raise
        yield from self._rest()

    def _step(self, data: bytes) -> Iterator[Found]:
        self._sift(data)
        self._waiting += len(data)
        most = _HELD_BINARY if self._binary else _HELD
        if self._waiting > most:
            self._spill(most // 2)
            self._waiting = 0
        yield from self._members
        self._members.clear()
        yield from self._blocks.pieces()

    def _spill(self, most: int) -> None:
        """Put out what waits for the end of elements, if it is more than that."""
        if self._blocks.held > most:
            self._blocks.spill()
        if self._inner is not None and self._inner.held > most:
            self._inner.flush()

    def _rest(self) -> Iterator[Found]:
        if self._inner is not None:
            self._inner.flush()
        if self._blocks.out:
            self._blocks.spill()
        yield from self._blocks.pieces(last=True)

    def _sift(self, data: bytes) -> None:
        inner = self._inner
        if inner is None:
            self._give(data)
            return
        for piece in inner.sieve.rest(data):
            self._give(piece)
        if inner.ended:
            self._inner = None if self._inner is inner else self._inner
            self._give(inner.sieve.last())

    def _give(self, data: bytes) -> None:
        self._parser.Parse(data)
        self._given += len(data)
        depth = self._depth + (self._inner.depth if self._inner is not None else 0)
        going = self._given - self._parser.CurrentByteIndex
        if depth > _DEPTH or len(self._parser.intern) > _VARIETY or going > _LONGEST:
            raise WildError

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        spaces = [value for key, value in attributes.items() if key.startswith("xmlns")]
        self._office = any(part in space for part in OFFICE for space in spaces)
        self._known = self._office or any(part in space for part in MIXED for space in spaces)
        self._outside()
        self._parser.StartElementHandler = self._start
        self._start(name, attributes)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        pair = self._pairs.get(name) or self._pair(name)
        if attributes:
            self._note(name, attributes)
        if pair[0] is not None:
            pair[0](name, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        end = (self._pairs.get(name) or self._pair(name))[1]
        if end is not None:
            end()

    def _pair(self, name: str) -> tuple[Begin | None, End | None]:
        """Return what to do where an element of that name begins and ends."""
        kind = role(name, known=self._known)
        pair = self._behaviours[kind] = self._behaviours.get(kind) or self._behaviour(kind)
        if len(self._pairs) < _NAMES:
            self._pairs[name] = pair
        return pair

    def _behaviour(self, kind: Role) -> tuple[Begin | None, End | None]:
        blocks = self._blocks
        if kind in MARKS:
            begin, end = MARKS[kind]
            return lambda *_: blocks.out.append(begin), lambda: blocks.out.append(end)
        return {
            Role.GLUE: (None, None),
            Role.WORD: (self._open_word, self._outside) if self._office else (None, None),
            Role.LINE: (self._open, lambda: blocks.end("\n")),
            Role.BREAK: (lambda name, _: blocks.out.append(BREAKS[local(name)]), None),
            Role.ROW: (lambda *_: blocks.open_row(), blocks.end_row),
            Role.CELL: (self._open_cell, blocks.end_cell),
            Role.LOOKS: (self._open_looks, self._end_looks),
            Role.MEASURE: (self._open, blocks.end_measure),
            Role.HEADER: (self._open, blocks.end_header),
            Role.BINARY: (self._open_binary, self._end_binary),
            Role.CHANGED: (self._open_change, lambda: blocks.end("\n")),
            Role.REMOVED: (self._open_removed, self._end_removed),
            Role.CHANGE: (self._put_back, None),
            Role.SHEET: (self._open_sheet, None),
            Role.STRINGS: (self._open_strings, None),
        }.get(kind, (self._open, lambda: blocks.end("\t")))

    def _note(self, name: str, attributes: Mapping[str, str]) -> None:
        told = self._attributes.told(name, attributes, known=self._known, looks=self._looks > 0)
        if told:
            self._beside.add(told, "\n")

    def _open(self, *_: object) -> None:
        self._blocks.open()

    def _open_word(self, *_: object) -> None:
        self._parser.CharacterDataHandler = self._blocks.out.append

    def _outside(self) -> None:
        """Let white space count only in words, where the vocabulary says so."""
        self._parser.CharacterDataHandler = self._text if self._office else self._blocks.out.append

    def _text(self, text: str) -> None:
        if not text.isspace():
            self._blocks.out.append(text)

    def _open_cell(self, _: str, attributes: Mapping[str, str]) -> None:
        """Begin a cell. One of ODF has its value in an attribute, however it is shown."""
        self._blocks.open()
        for key, value in attributes.items():
            if key.endswith(":string-value") or (key.endswith(":value") and _DIGITS.search(value)):
                self._blocks.add(number(value), "\t")

    def _open_looks(self, *_: object) -> None:
        self._blocks.open()
        self._looks += 1

    def _end_looks(self) -> None:
        self._looks -= 1
        self._blocks.end("\t")

    def _open_binary(self, *_: object) -> None:
        self._blocks.open()
        self._binary = True

    def _end_binary(self) -> None:
        self._binary = False
        text = self._blocks.taken()
        try:
            self._members.append(Member("", [binascii.a2b_base64(text)]))
        except (binascii.Error, ValueError):
            self._blocks.out.append(text)
        self._blocks.end("\t")

    def _open_change(self, _: str, attributes: Mapping[str, str]) -> None:
        self._blocks.open()
        self._change = next((value for key, value in attributes.items() if local(key) == "id"), "")

    def _open_removed(self, *_: object) -> None:
        self._blocks.open()
        self._blocks.heard = []

    def _end_removed(self) -> None:
        """Keep what was deleted, to read it where it stood."""
        self._blocks.end("\n")
        text = "\n".join(self._blocks.heard or ())
        self._blocks.heard = None
        if len(text) <= self._room:
            self._removed[self._change] = text
            self._room -= len(text)

    def _put_back(self, _: str, attributes: Mapping[str, str]) -> None:
        change = next((value for key, value in attributes.items() if local(key) == "change-id"), "")
        begin, end = MARKS[Role.DELETED]
        self._blocks.out.append(begin + self._removed.pop(change, "") + end)

    def _open_sheet(self, name: str, _: Mapping[str, str]) -> None:
        self._inner = Sheet(self._parser, name, self._blocks.rows, self._strings, self._note)

    def _open_strings(self, name: str, _: Mapping[str, str]) -> None:
        self._inner = Shared(self._parser, name, self._blocks.prose, self._table)

    def _declared(self, *_: object) -> None:
        raise DeclaredError

    def _skipped(self, name: str, _: object) -> None:
        self._blocks.out.append(unescape(f"&{name};"))
