"""Zip: what the central directory lists, what it does not list, and what lies between.

Nothing that a header says about sizes is believed. Every byte of the file is the data of an entry, a
record of the format, or a content of its own.
"""

from __future__ import annotations

import io
import mmap
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import BinaryIO

from exfilter.content.archives import memory, zipentry
from exfilter.content.archives.names import Names
from exfilter.content.archives.system import Archive, Broken
from exfilter.content.archives.zipentry import Body, Entry
from exfilter.content.members import NAMES
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.limits import MIB
from exfilter.model import Reason

_UTF8 = 1 << 11
_END = b"PK\x05\x06"
_TRIALS = 3000
"""Passwords that are tried on the entries of one archive in vain."""
_ABOUT = 256
"""Bytes of names, extra fields and comments from which on they are opened."""
_ROOM_TO_GROW = re.compile(rb"\x20\xa2..\x28\xa0..\x00*", re.DOTALL)
"""An extra field that Microsoft's programs fill with zeros, to grow in place (ECMA-376-2, annex C)."""
_LONGEST = 12 * MIB
"""Bytes of a directory: some 200,000 entries."""
_LOCATOR = 20
_TOLD = 500
"""Names that are told at once."""
_FRONT = 64 * MIB
"""Bytes in front of which a directory is looked for that has other bytes behind it."""
_RECORDS = re.compile(
    rb"PK(?:\x01\x02.{24}(?P<sizes>.{6}).{12}|\x05\x06.{18}|\x06\x06(?P<long>.{8})|\x06\x07.{16}"
    rb"|\x05\x05(?P<short>.{2})|\x06\x08(?P<extra>.{4})|\x07\x08(?=PK\x03\x04))",
    re.DOTALL,
)
"""Records of the directory (sections 4.3.9 to 4.3.16), each with the fields that tell its length."""


def parse(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the members of a zip file, in the order of their bytes."""
    data = memory.mapped(file)
    end = data.rfind(_END)
    # zipfile would hold a very long directory as a whole; the local headers serve as well.
    long = _length(data, end) > _LONGEST
    listed = None if long else _listed(file, data, end)
    reading = _Reading(data, wishes)
    if listed is None and not (long or wishes.again):
        yield Left(Reason.MALFORMED, len(data))
    entries, comment = listed or ((), b"")
    reading.complete = listed is None
    for info in sorted(entries, key=lambda info: info.header_offset):
        yield from reading.listed(info)
        yield from reading.told()
    if len(comment) < memory.LEAST:
        reading.tell(comment)
    yield from reading.between(len(data))
    yield from reading.told(1)


def _listed(file: BinaryIO, data: mmap.mmap, end: int) -> tuple[list[zipfile.ZipInfo], bytes] | None:
    """Return the entries of the central directory, and its comment; None where none can be read."""
    behind = int.from_bytes(data[end + 20 : end + 22], "little")
    stop = end + 22 + behind
    for source in (
        file,
        io.BytesIO(data[:stop]) if end > 0 and stop < len(data) and stop <= _FRONT else None,
    ):
        try:
            if source is not None:
                with zipfile.ZipFile(source) as archive:
                    return archive.infolist(), archive.comment
        except Exception:  # noqa: BLE001, S112 - whatever it raises: the local headers tell as well
            continue
    return None


def _length(data: mmap.mmap, end: int) -> int:
    """Return how many bytes the directory has, by its end record (Zip64: by the one before it)."""
    if end < 0:
        return 0
    short = int.from_bytes(data[end + 12 : end + 16], "little")
    if end < _LOCATOR or data[end - _LOCATOR : end - 16] != b"PK\x06\x07":
        return short
    place = int.from_bytes(data[end - 12 : end - 4], "little")
    return int.from_bytes(data[place + 40 : place + 48], "little") if place < end else short


class _Reading:
    """One file, read from its front to its end."""

    def __init__(self, data: mmap.mmap, wishes: Wishes) -> None:
        self.complete = True
        """There is no directory in which an entry could be missing."""
        self._data = data
        self._again = wishes.again
        self._names = Names("cp437")
        self._passwords = _words(wishes.passwords)
        self._good: list[bytes] = []
        """Passwords that have opened an entry."""
        self._trials = _TRIALS
        self._texts: list[str] = []
        self._place = 0
        """All before it was read."""
        self._last = -1
        self._twice = False
        """One entry lists the data of another: no program writes that, but for a bomb."""

    def listed(self, info: zipfile.ZipInfo) -> Iterator[Found]:
        """Yield what the directory lists, and what lies before it."""
        raw = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "replace")
        about = b"" if self._again else info.comment
        if info.header_offset == self._last:  # once more the same data
            self.tell(raw, about)
            if not (self._twice or self._again):
                yield Left(Reason.MALFORMED, max(1, info.compress_size), self._names.read(raw)[0])
            self._twice = True
            return
        self._last = info.header_offset
        entry = zipentry.local(self._data, info.header_offset)
        if entry is None:
            self.tell(raw, about)
            yield Left(Reason.MALFORMED, info.compress_size, self._names.read(raw)[0])
            return
        yield from self.between(entry.start)
        if raw != entry.name:
            about += b"\n" + entry.name
        self.tell(b"", about)
        same = (info.compress_type, info.flag_bits & 1) == (entry.method, entry.flags & 1)
        listed = replace(
            entry,
            name=raw,
            method=info.compress_type,
            flags=info.flag_bits,
            crc=info.CRC,
            packed=info.compress_size,
            size=info.file_size,
            listed=True,
        )
        yield from self._entry(listed)
        if not same:  # one of the headers lies: the other one may be what a program goes by
            yield from self._entry(replace(listed, method=entry.method, flags=entry.flags))

    def between(self, stop: int) -> Iterator[Found]:
        """Yield what lies between the last entry and a place: other entries, and other bytes."""
        place = self._place
        while (place := self._data.find(zipentry.LOCAL, place, stop)) >= 0:
            entry = zipentry.local(self._data, place)
            if entry is None or self._place > place:
                place += 4
                continue
            yield from self._rest(place)
            if not self.complete and not self._again:
                yield Left(Reason.MALFORMED, max(1, entry.packed), self._names.read(entry.name)[0])
            yield from self._entry(entry)
            place = self._place
        yield from self._rest(stop)

    def _rest(self, stop: int) -> Iterator[Found]:
        """Yield what is neither an entry nor a record of the directory."""
        while self._place < stop:
            found = _RECORDS.search(self._data, self._place, stop)
            yield from self._open(self._place, found.start() if found else stop)
            self._place = stop
            if found:
                sizes = found["sizes"] or bytes(6)
                named, extra, about = (
                    int.from_bytes(sizes[place : place + 2], "little") for place in (0, 2, 4)
                )
                fields = (found[field] or b"" for field in ("long", "short", "extra"))
                extra += named + about + sum(int.from_bytes(field, "little") for field in fields)
                self._place = min(stop, found.end() + extra)
                if extra > _ABOUT:
                    yield from self._open(found.end(), self._place)

    def _open(self, start: int, stop: int) -> Iterator[Found]:
        """Yield bytes that belong to no entry."""
        if not self._again:
            yield from memory.rest(self._data, max(0, start), stop)

    def _entry(self, entry: Entry) -> Iterator[Found]:
        self._place = max(self._place, entry.data)
        extra = self._data[entry.data - entry.extra : entry.data]
        if len(extra) > _ABOUT and not _ROOM_TO_GROW.fullmatch(extra):
            yield from self._open(entry.data - entry.extra, entry.data)
        stop = min(len(self._data), entry.data + entry.packed)
        if entry.encrypted:
            yield from self._locked(entry)
        elif self._again:
            pass
        elif not zipentry.readable(entry):
            yield from self._foreign(entry)
        elif not (entry.packed or entry.size or entry.followed):
            self.tell(entry.name)
            return
        else:
            first, *others = self._names.read(entry.name)
            self._texts += others
            body = Body(self._data, entry)
            yield Member(first, body)
            stop = body.end if body.whole else max(body.end, stop if entry.listed else 0)
        self._place = max(self._place, stop)

    def _foreign(self, entry: Entry) -> Iterator[Found]:
        """Yield an entry whose method libarchive may know."""
        name = self._names.read(entry.name)[0]
        opened = self._unpacked(entry, b"")
        if isinstance(opened, Reason):
            self.tell(entry.name)
            yield Left(opened, max(1, entry.packed), name)
        else:
            yield Member(name, opened)

    def _locked(self, entry: Entry) -> Iterator[Found]:
        """Yield an encrypted entry, if one of the passwords opens it."""
        name = self._names.read(entry.name)[0]
        for password in dict.fromkeys((*self._good, *self._passwords)):
            if self._trials <= 0:
                break
            if password not in self._good and not self._opens(entry, password):
                self._trials -= 1
                continue
            opened = self._unpacked(entry, password)
            if not isinstance(opened, Reason):
                self._good = [password, *(word for word in self._good if word != password)]
                yield Member(name, opened)
                return
        self.tell(entry.name)
        yield Left(Reason.ENCRYPTED, max(1, entry.packed), name)

    def _opens(self, entry: Entry, password: bytes) -> bool:
        """Whether a password opens an entry for sure: one in 256 does so for a first look."""
        try:
            opened = self._unpacked(entry, password)
            return not isinstance(opened, Reason) and all(True for _ in opened)
        except Broken:
            return False

    def _unpacked(self, entry: Entry, password: bytes) -> Iterator[bytes] | Reason:
        """Return what libarchive makes of an entry, or why it does not: all that it sees is that entry."""
        chunks = self._chunks(entry, password)
        try:
            return chain([next(chunks, b"")], chunks)
        except Broken as broken:
            return broken.reason

    def _chunks(self, entry: Entry, password: bytes) -> Iterator[bytes]:
        stop = min(len(self._data), entry.data + entry.packed + zipentry.LONGEST_DESCRIPTOR)
        with Archive(self._data, entry.start, stop, ("zip",), password=password) as archive:
            for _ in archive.entries():
                yield from archive.chunks()
                return

    def tell(self, *texts: bytes) -> None:
        """Take in names and comments, in each way in which they read."""
        for text in filter(None, () if self._again else texts):
            self._texts += self._names.read(text)

    def told(self, least: int = _TOLD) -> Iterator[Found]:
        """Yield the names and comments, if there are so many: each by itself would take longer."""
        if len(self._texts) >= least:
            yield Text("\n".join([*self._texts, ""]), NAMES)
            self._texts.clear()


def _words(passwords: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return passwords as bytes, in the charsets in which programs write them."""
    words = [word.encode(charset, "ignore") for word in passwords for charset in ("utf-8", "cp1252", "cp437")]
    return tuple(word for word in dict.fromkeys(words) if word and b"\x00" not in word)
