"""Packages: first a look at what their parts are, then a walk over all of them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import BinaryIO

from exfilter.body import CHUNK
from exfilter.content import sniff
from exfilter.content.archives import zips
from exfilter.content.content import shown
from exfilter.content.documents.office import biff12, leftovers, locked, manifest, part
from exfilter.content.documents.office.attributes import Attributes
from exfilter.content.documents.office.lines import Lines
from exfilter.content.documents.office.sheets import EmptyError
from exfilter.content.documents.office.strings import Strings
from exfilter.content.documents.office.walk import Walk
from exfilter.content.members import NAMES
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.content.stream import HEAD
from exfilter.model import Reason

_ROOM = 512 << 20
"""Bytes of XML, and characters made of it, that are read in one document."""
_SURVEYED = 1 << 30
"""Bytes that are passed over in search of what other parts depend on."""
_SHARED, _FONTS = "sst", "fonts"


def parse(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the texts of a package and its members. What is no package yields its members."""
    yield from _bounded(file, Package(file, replace(wishes, again=False)).found())


def single(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the texts of a document that is one XML file, and its members."""
    yield from _bounded(file, Package(file, wishes).alone())


def _bounded(file: BinaryIO, found: Iterator[Found]) -> Iterator[Found]:
    try:
        yield from found
    except OverError:
        yield Left(Reason.OVER_BUDGET, file.seek(0, io.SEEK_END))


class OverError(Exception):
    """The document holds too much."""


@dataclass(slots=True)
class _Part:
    """A member, with its beginning already read."""

    number: int
    name: str
    first: bytes
    more: Iterator[bytes]
    whole: bool
    """There is nothing more."""
    head: str = field(init=False)

    def __post_init__(self) -> None:
        self.head = part.text(self.first[: part.HEAD])

    @property
    def root(self) -> str:
        """The outermost element; empty: it is no XML for this walk."""
        name = part.root(self.head)
        return "" if name.lower() == "html" else name

    @property
    def record(self) -> int:
        """The type of the first record of a part of a binary workbook; 0: it is none."""
        return biff12.begins(self.first, whole=self.whole)

    @property
    def chunks(self) -> Iterator[bytes]:
        """All bytes."""
        return chain([self.first], self.more)


class Package:
    """Reads one document."""

    def __init__(self, file: BinaryIO, wishes: Wishes) -> None:
        """Begin with what nothing is known of."""
        self._file = file
        self._wishes = wishes
        self._attributes = Attributes()
        self._beside = Lines("attributes")
        self._strings = Strings()
        self._shared = -1
        self._keys: list[str] = []
        self._locks: dict[str, manifest.Lock] = {}
        self._passwords = locked.Passwords(wishes.passwords)
        self._broken: set[int] = set()
        self._room = _ROOM

    def found(self) -> Iterator[Found]:
        """Yield all that is in it. Raises OverError."""
        yield from self._survey()
        for each in self._parts():
            yield from self._part(each) if isinstance(each, _Part) else (each,)
        unused = Lines("shared strings of no cell")
        for text in self._strings.unused():
            unused.add(text, "\n")
            yield from unused.pieces()
        yield from unused.pieces(last=True)
        yield from self._beside.pieces(last=True)
        for each in self._parts() if self._broken else ():
            if isinstance(each, _Part) and each.number in self._broken:
                yield Member(each.name, each.chunks)

    def alone(self) -> Iterator[Found]:
        """Yield all that is in the file, which is no package. Raises OverError."""
        yield from self._read(_begun(0, "", iter(lambda: self._file.read(CHUNK), b"")))
        yield from self._beside.pieces(last=True)

    def _parts(self) -> Iterator[_Part | Text | Left]:
        """Yield the members in their order, and what else there is."""
        for number, found in enumerate(zips.parse(self._file, self._wishes)):
            yield _begun(number, found.name, iter(found.chunks)) if isinstance(found, Member) else found

    def _survey(self) -> Iterator[Found]:
        """Read what other parts depend on, wherever it is: shared strings, what is encrypted, keys of fonts.

        Every member is read to its end: where that is known from its data only, the next one begins there.
        """
        room = _SURVEYED
        for each in self._parts():
            if not isinstance(each, _Part):
                continue
            root = each.root
            if self._shared < 0 and (root == _SHARED or each.record == biff12.SHARED):
                self._shared = each.number
                yield from self._read(each, self._strings)
            elif root in manifest.ROOTS:
                self._locks |= manifest.locks(_upto(each.chunks, _SURVEYED))
            elif root == _FONTS:
                self._keys += leftovers.FONT_KEY.findall(each.first.decode("utf-8", "replace"))
            room -= len(each.first) + _size(each.more, room)
            if room < 0:
                return

    def _part(self, each: _Part) -> Iterator[Found]:
        if each.root or each.record:
            yield Text(f"{each.name}\n", NAMES)
            if each.number != self._shared:
                yield from self._read(each)
        else:
            yield from self._other(each)

    def _other(self, each: _Part) -> Iterator[Found]:
        """Yield a member that is no XML."""
        lock = self._locks.get(each.name)
        if lock is not None and not sniff.meaningful(each.first):
            yield from self._locked(each, lock)
        elif leftovers.idle(each.first):
            yield Text(f"{each.name}\n", NAMES)
            yield Text("\n".join(leftovers.strings(each.first)), shown(each.name))
        else:
            keys = [*self._keys, *leftovers.KEY.findall(each.name)]
            yield Member(each.name, chain([leftovers.font(each.first, keys)], each.more))

    def _locked(self, each: _Part, lock: manifest.Lock) -> Iterator[Found]:
        """Yield a member that is encrypted, if one of the passwords opens it."""
        data = b"".join(_upto(each.chunks, locked.LARGEST))
        opened = self._passwords.opened(data, lock)
        if opened is None:
            yield Text(f"{each.name}\n", NAMES)
            yield Left(Reason.ENCRYPTED, len(data) + _size(each.more, _SURVEYED), each.name)
        else:
            plain = _begun(each.number, each.name, opened)
            yield from self._part(plain) if plain.root else (Member(each.name, plain.chunks),)

    def _read(self, each: _Part, table: Strings | None = None) -> Iterator[Found]:
        """Yield what is in a part, as far as it is whole. If it is not, it is read as it is, later."""
        channel, chunks = shown(each.name), self._counted(each.chunks)
        if each.root:
            walk = Walk(channel, self._attributes, self._beside, self._strings, table)
            reading = walk.read(chunks)
        else:
            reading = biff12.read(chunks, channel, self._strings, table)
        try:
            for found in reading:
                self._room -= len(found.text) if isinstance(found, Text) else 0
                yield found
        except MemoryError:
            raise
        except OverError:
            raise
        except EmptyError:
            yield Left(Reason.OVER_BUDGET, max(1, len(each.first)), each.name)
        except Exception:  # noqa: BLE001 - fail closed: whatever a parser raises, the part is not whole
            self._broken.add(each.number)
            if not (each.name and each.root) or part.is_declared(each.head):
                yield Left(Reason.MALFORMED, max(1, len(each.first)), each.name)
        yield from self._beside.pieces()

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._room -= len(chunk)
            if self._room < 0:
                raise OverError
            yield chunk


def _begun(number: int, name: str, chunks: Iterator[bytes]) -> _Part:
    """Return a part with its beginning, as far as that can be read."""
    first: list[bytes] = []
    more, whole = chunks, False
    try:
        while not whole and sum(map(len, first)) < HEAD:
            chunk = next(chunks, None)
            whole = chunk is None
            first.append(chunk or b"")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again behind what can be read
        more = _raising(error)
    return _Part(number, name, b"".join(first), more, whole)


def _raising(error: Exception) -> Iterator[bytes]:
    raise error
    yield b""


def _upto(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield what can be read, and not far beyond the `most` bytes. What fails is reported elsewhere."""
    try:
        for chunk in chunks:
            yield chunk
            most -= len(chunk)
            if most < 0:
                return
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return


def _size(chunks: Iterable[bytes], most: int) -> int:
    return sum(map(len, _upto(chunks, most)))
