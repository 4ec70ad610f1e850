"""Tar in all its dialects (POSIX pax and ustar, GNU, v7), as it streams by.

The standard library reads the headers, one block at a time. What lies between them is handed on as it
comes: ``tarfile`` itself would follow negative sizes for ever (CVE-2025-8194), hold the headers of pax
whole in memory, and take the first damaged block for the end. So an archive of any length is read with
one chunk in memory, and every byte of it is a member, a name, or text beside them.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content.archives.names import Names
from exfilter.content.binary import Strings
from exfilter.content.budget import Cut, Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.members import Members
from exfilter.content.stream import Stream
from exfilter.model import Reason

BLOCK = tarfile.BLOCKSIZE
_ZEROS = bytes(BLOCK)
_SUM = re.compile(rb"[ \x00]*[0-7]{1,7}[ \x00]*\Z")
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_BODILESS = frozenset(
    (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
)
_HEADERS = 1 << 20
"""Bytes of a long name or of pax records that are looked at. What is longer is opened as a member."""
_LEAST = 256
"""Bytes of a value in such records from which on it is opened: an attribute may be a file."""
_MAP = re.compile(rb"[0-9\n]*\x00*")
_OLD_MAP = re.compile(rb"(?:[0-7 \x00]{12}|\x80\x00{3}.{8}){42}[\x00\x01]\x00{7}", re.DOTALL)
"""What the maps of sparse files consist of. A block that says it is one and has more is data."""
_RECORD = re.compile(rb"(\d{1,7}) ([^=\n]{1,200})=")
_NUMBER = re.compile(rb"[-+\d.]*\Z")


def header(block: bytes) -> tarfile.TarInfo | None:
    """Return what a block says as a header; None if it is none: its sum does not fit."""
    if len(block) < BLOCK or not _SUM.match(block[148:156]):
        return None
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return None
    return found if found.size >= 0 else None


def _read(content: Content, opened: Open) -> Iterator[Item]:
    tar = _Tar(content, opened)
    yield from tar.read()
    yield from tar.members.rest()
    for part in tar.strings.parts(last=True):
        yield from emitted(part, content.budget)


class _Tar:
    """One archive, or several one after the other."""

    def __init__(self, content: Content, opened: Open) -> None:
        self.members = Members(content, "tar", opened)
        self.strings = Strings(content)
        self._content = content
        self._stream = content.stream
        self._said: dict[str, bytes] = {}
        """What the headers before a header say about its member (pax, GNU)."""
        self._names = Names()
        self._owner = b""
        self._ended = False

    def read(self) -> Iterator[Item]:
        """Yield all that is in it."""
        while block := _exactly(self._stream, BLOCK):
            found = header(block)
            if self.members.over or self._content.budget.overdue():
                return
            if found is not None:
                self._ended = False
                yield from self._entry(found, block)
            elif block == _ZEROS[: len(block)]:
                self._ended = True
            else:
                self._stream.push(block)
                yield from self._other()
            for part in self.strings.parts(last=False):
                yield from emitted(part, self._content.budget)

    def _entry(self, found: tarfile.TarInfo, block: bytes) -> Iterator[Item]:
        if found.type in _LONG or found.type in (*_PAX, tarfile.XGLTYPE):
            yield from self._about(found)
            return
        said, self._said = self._said, {}
        size = _number(said["size"], found.size) if "size" in said else found.size
        if found.type == tarfile.GNUTYPE_SPARSE:
            self._old_map(block[482])
        elif said.get("GNU.sparse.major") == b"1":
            size -= self._map(size)
        elif found.type in _BODILESS and not self._has_body(size):
            size = 0
        path, *others = self._names.read(said.get("GNU.sparse.name") or said.get("path") or _raw(found.name))
        others += self._names.read(said.get("linkpath") or _raw(found.linkname))
        for owner in (said.get("uname") or _raw(found.uname), said.get("gname") or _raw(found.gname)):
            others += self._names.read(owner) if owner != self._owner else ()
            self._owner = owner
        for name in filter(None, others):
            yield from self.members.name(name)
        yield from self._member(path, size)

    def _member(self, name: str, size: int) -> Iterator[Item]:
        start = self._stream.taken
        chunks = _data(self._stream, size)
        yield from self.members.member(name, chunks)
        for _ in chunks:  # what a reader left
            pass
        self._padding(self._stream.taken - start)

    def _about(self, found: tarfile.TarInfo) -> Iterator[Item]:
        """Take a header that speaks of the next one, or of all that follow."""
        if found.size > _HEADERS:
            yield from self._member("", found.size)
            return
        data = _exactly(self._stream, found.size)
        if len(data) < found.size:
            yield self._content.unscanned(Reason.MALFORMED, found.size)
        self._padding(len(data))
        if found.type in _LONG:
            self._said[_LONG[found.type]], _, behind = data.partition(b"\x00")
            yield from self._beside(behind)
            return
        for key, value in records(data):
            if not key or len(value) > _LEAST:
                yield from self._beside(value)
            if found.type in _PAX:
                self._said[key] = value
            if not _NUMBER.match(value):
                for name in self._names.read(value):
                    yield from self.members.name(name)

    def _beside(self, data: bytes) -> Iterator[Item]:
        """Open what a header has beside the names."""
        if data.strip(b"\x00"):
            yield from self.members.member("", iter([data]), "header")

    def _old_map(self, more: int) -> None:
        """Take the blocks that go on with the map of a sparse file (GNU). Its holes are left out."""
        while more and (block := _exactly(self._stream, BLOCK)):
            if not _OLD_MAP.fullmatch(block):
                self._stream.push(block)
                return
            more = block[504]

    def _map(self, size: int) -> int:
        """Take the map in front of the data (GNU, format 1.0), and return how many bytes it had."""
        taken = have = 0
        lines = 1
        while have < lines and taken < size:
            block = _exactly(self._stream, min(size - taken, BLOCK))
            if not block or not _MAP.fullmatch(block):
                self._stream.push(block)
                break
            if not taken:
                lines += 2 * _number(block.split(b"\n", 1)[0], 0)
            self.strings.add(block)
            have += block.count(b"\n")
            taken += len(block)
        return taken

    def _has_body(self, size: int) -> bool:
        """Whether a link or folder with a size is followed by data: some write it, some do not."""
        following = self._stream.head(BLOCK)
        return size > 0 and header(following) is None and bool(following.strip(b"\x00"))

    def _padding(self, size: int) -> None:
        """Take what fills the last block, and look for strings in it."""
        padding = _exactly(self._stream, -size % BLOCK)
        if padding.strip(b"\x00"):
            self.strings.add(padding)

    def _other(self) -> Iterator[Item]:
        """Open what is no header, up to the next one. Before the end of the archive it is damage."""
        start = self._stream.taken
        chunks = _damaged(self._stream)
        step = "trailing data" if self._ended else f"from byte {start}"
        yield from self.members.member("", chunks, step)
        for _ in chunks:
            pass
        if not self._ended:
            yield self._content.unscanned(Reason.MALFORMED, self._stream.taken - start)


def _exactly(stream: Stream, size: int) -> bytes:
    """Take so many bytes; fewer only at the end."""
    found = stream.take(size)
    while len(found) < size and (more := stream.take(size - len(found))):
        found += more
    return found


def _data(stream: Stream, size: int) -> Iterator[bytes]:
    """Yield the bytes of a member. Raises Cut where they end too soon."""
    while size:
        piece = stream.take(min(size, CHUNK))
        if not piece:
            if stream.trouble is None:
                raise Cut(Reason.MALFORMED, size)
            return
        size -= len(piece)
        yield piece


def _damaged(stream: Stream) -> Iterator[bytes]:
    """Yield what comes up to the next header, at least a block."""
    start = BLOCK
    while data := stream.head(CHUNK):
        places = range(start, len(data) - BLOCK + 1, BLOCK)
        found = next((place for place in places if header(data[place : place + BLOCK]) is not None), -1)
        yield _exactly(stream, found if found >= 0 else len(data))
        if found >= 0:
            return
        start = 0


def records(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the pairs of extended headers (pax, POSIX.1-2001). What is behind them has no key."""
    place = 0
    while found := _RECORD.match(data, place):
        end = place + int(found[1])
        if end <= found.end() or end > len(data):
            break
        yield found[2].decode("utf-8", "replace"), data[found.end() : end - 1]
        place = end
    yield "", data[place:]


def _number(value: bytes, otherwise: int) -> int:
    return int(value) if value.isdigit() and len(value) < 20 else otherwise


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


READER = Reader("tar", lambda content: header(content.stream.head(BLOCK)) is not None, _read)
