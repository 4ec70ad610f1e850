"""7z, RAR, cpio, ar, ISO 9660, cabinets and what else libarchive reads."""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Iterator
from typing import BinaryIO

from exfilter.content import sniff
from exfilter.content.archives import memory, rars, sevenz
from exfilter.content.archives.system import Archive, Broken, Entry
from exfilter.content.members import NAMES
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.model import Reason

_PLAIN = (("7zip", "rar", "rar5", "cpio", "ar", "iso9660", "cab", "xar", "lha"), ("none",))
"""Formats, and filters in front of them."""
_RAW = ("raw",)
_FILTERED = {
    sniff.COMPRESS: (_RAW, ("compress",)),
    sniff.RPM: (("cpio",), ("rpm", "gzip", "bzip2", "lzma", "xz", "zstd")),
}
"""Never all filters: for some of them libarchive starts other programs."""
_MAGIC = 8


def parse(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the members of an archive, as far as it can be read."""
    data = memory.mapped(file)
    reading = _Reading(data, again=wishes.again)
    if sevenz.recognises(data[:_MAGIC]) and wishes.passwords:
        for member in sevenz.members(data, wishes.passwords):
            reading.opened.add(member.name)
            yield member
    yield from reading.found()


class _Reading:
    """One archive, as libarchive reads it."""

    def __init__(self, data: mmap.mmap, *, again: bool) -> None:
        self.opened: set[str] = set()
        """Names of members that were encrypted, and were read."""
        self._data = data
        self._again = again
        self._begun = False
        self._locked = rars.locked(data)
        self._kinds = next(
            (kinds for magic, kinds in _FILTERED.items() if data[:_MAGIC].startswith(magic)), _PLAIN
        )

    def found(self) -> Iterator[Found]:
        """Yield members and what cannot be read."""
        data = self._data
        try:
            with Archive(data, 0, len(data), *self._kinds) as archive:
                for entry in archive.entries():
                    self._begun = True
                    yield from self._entry(archive, entry)
                if not self._again:
                    yield from memory.rest(data, _end(archive, data), len(data))
        except Broken as broken:
            if not (self.opened and broken.reason is Reason.ENCRYPTED):
                yield Left(broken.reason, len(data))
            if not self._begun and broken.reason is Reason.MALFORMED:
                yield from _salvaged(data)

    def _entry(self, archive: Archive, entry: Entry) -> Iterator[Found]:
        name = entry.names[0] if entry.names and self._kinds[0] != _RAW else ""
        encrypted = next(self._locked, False) or entry.encrypted
        if name in self.opened or (self._again and not encrypted):
            return
        for other in entry.names[1:]:
            yield Text(f"{other}\n", NAMES)
        chunks = archive.chunks()
        first, reason = b"", Reason.ENCRYPTED if encrypted else None
        try:
            first = b"" if reason else next(chunks, b"")
        except Broken as broken:
            reason = broken.reason
        if reason:
            yield Text(f"{name}\n", NAMES)
            yield Left(reason, entry.size, name)
        else:
            yield Member(name, itertools.chain([first], chunks))


def _end(archive: Archive, data: mmap.mmap) -> int:
    return sevenz.end(data) if sevenz.recognises(data[:_MAGIC]) else archive.taken


def _salvaged(data: mmap.mmap) -> Iterator[Found]:
    """Yield what can be had of an archive that does not even begin."""
    if sevenz.recognises(data[:_MAGIC]):
        yield from sevenz.salvaged(data)
    else:
        yield from memory.rest(data, _MAGIC, len(data))
