"""Compressed streams: own bounded decoders, over all members, whatever follows them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import brotli
import zstandard

from exfilter.content import sniff
from exfilter.content.binary import Strings
from exfilter.content.budget import Budget, Cut, Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.stream import CHUNK, Stream
from exfilter.model import Reason

ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)


class Machine(Protocol):
    """Decodes one member of a stream."""

    def feed(self, data: bytes) -> bytes:
        """Return what is decoded so far, a few MiB at most. Raises one of ERRORS."""

    @property
    def pending(self) -> bool:
        """Whether more comes out without more going in."""

    @property
    def finished(self) -> bool:
        """Whether the member is whole."""

    @property
    def unused(self) -> bytes:
        """What was fed behind the end of the member."""


class Zlib:
    """Gzip, zlib or raw deflate (RFC 1952, 1950, 1951)."""

    def __init__(self, wbits: int) -> None:
        """Choose the format as ``zlib.decompressobj`` does."""
        self._machine = zlib.decompressobj(wbits)
        self._broken = False
        self._more = False

    def feed(self, data: bytes) -> bytes:
        """See :class:`Machine`. An error is raised only after what came before it was returned."""
        if self._broken:
            raise zlib.error
        data = self._machine.unconsumed_tail + data
        before = self._machine.copy()
        try:
            out = self._machine.decompress(data, CHUNK)
        except zlib.error:
            self._broken = True
            return b"".join(_salvaged(before, data))
        self._more = len(out) == CHUNK or bool(self._machine.unconsumed_tail)
        return out

    @property
    def pending(self) -> bool:
        """See :class:`Machine`."""
        return self._broken or (self._more and not self.finished)

    @property
    def finished(self) -> bool:
        """See :class:`Machine`."""
        return self._machine.eof

    @property
    def unused(self) -> bytes:
        """See :class:`Machine`."""
        return self._machine.unused_data


def _salvaged(machine: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what comes out byte by byte before the error, one CHUNK at most."""
    room = CHUNK
    for at in range(len(data)):
        try:
            out = machine.decompress(data[at : at + 1], room)
        except zlib.error:
            return
        yield out
        room -= len(out)
        if room <= 0:
            return


class Brotli:
    """Brotli (RFC 7932). The library does not say what follows the end."""

    unused = b""

    def __init__(self) -> None:
        """Begin a stream."""
        self._machine = brotli.Decompressor()

    def feed(self, data: bytes) -> bytes:
        """See :class:`Machine`."""
        return bytes(self._machine.process(data, output_buffer_limit=CHUNK))

    @property
    def pending(self) -> bool:
        """See :class:`Machine`."""
        return not self.finished and not self._machine.can_accept_more_data()

    @property
    def finished(self) -> bool:
        """See :class:`Machine`."""
        return bool(self._machine.is_finished())


class Zstd:
    """Zstandard (RFC 8878)."""

    pending = False

    def __init__(self) -> None:
        """Begin a frame."""
        self._machine = zstandard.ZstdDecompressor().decompressobj()

    def feed(self, data: bytes) -> bytes:
        """See :class:`Machine`."""
        return self._machine.decompress(data)

    @property
    def finished(self) -> bool:
        """See :class:`Machine`."""
        return self._machine.eof

    @property
    def unused(self) -> bytes:
        """See :class:`Machine`."""
        return self._machine.unused_data


@dataclass(frozen=True, slots=True)
class Coder:
    """A way to compress."""

    name: str
    begin: Callable[[bytes], Machine]
    """Makes a machine for a stream that starts with these bytes."""
    magic: bytes
    """How another member begins. Empty: there is only one."""
    step: int
    """Bytes to feed at once: an input of 4 bytes can give 128 KiB with zstd."""
    careful: int = 0
    """Bytes at the start that are fed one by one, because an error takes a whole step with it."""


def _deflate(head: bytes) -> Machine:
    """Deflate means zlib, and some send it raw."""
    try:
        zlib.decompressobj(zlib.MAX_WBITS).decompress(head, CHUNK)
    except zlib.error:
        return Zlib(-zlib.MAX_WBITS)
    return Zlib(zlib.MAX_WBITS)


GZIP = Coder("gzip", lambda _: Zlib(16 + zlib.MAX_WBITS), sniff.GZIP, 1 << 14)
ZSTD = Coder("zstd", lambda _: Zstd(), sniff.ZSTD, 512, 1 << 12)
BROTLI = Coder("br", lambda _: Brotli(), b"", 256, 1 << 14)
DEFLATE = Coder("deflate", _deflate, b"", 1 << 14)
CODERS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": DEFLATE, "br": BROTLI, "zstd": ZSTD}


_LEAST = 64
"""Bytes of a member on average, from very many members on: empty ones are only there to cost time."""
_FIRST = 512
"""Bytes that a coder may look at before it begins."""


class Expansion:
    """One compressed stream, decoded. Iterate it once."""

    def __init__(self, coder: Coder, source: Stream, budget: Budget) -> None:
        """Decode `source`."""
        self._coder = coder
        self._source = source
        self._budget = budget
        self._made = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield what comes out. Raises Cut where the budget ends or the stream is broken."""
        source, coder = self._source, self._coder
        machine = coder.begin(source.head(_FIRST))
        step = members = 0
        while True:
            piece = b"" if machine.pending else source.take(1 if source.taken < coder.careful else coder.step)
            step = len(piece) or step
            if not piece and not machine.pending:
                raise source.trouble or Cut(Reason.MALFORMED)
            try:
                out = machine.feed(piece)
            except ERRORS:
                raise Cut(Reason.MALFORMED, source.left + step) from None
            yield from self._charged(out)
            if self._budget.overdue():
                return
            if machine.finished:
                source.push(machine.unused)
                members += 1
                if members > self._budget.limits.parts and self._made < members * _LEAST:
                    raise Cut(Reason.OVER_BUDGET, source.left)
                if not coder.magic or source.head(len(coder.magic)) != coder.magic:
                    return
                machine = coder.begin(source.head(_FIRST))

    def _charged(self, out: bytes) -> Iterator[bytes]:
        if out:
            self._made += len(out)
            if not self._budget.charge(len(out), self._source.taken, self._made):
                raise Cut(Reason.OVER_BUDGET, self._source.left)
            yield out


def expanded(content: Content, coders: list[Coder], opened: Open) -> Iterator[Item]:
    """Yield what is in a content that was compressed by `coders`, the last one outermost.

    The raw bytes are looked through for strings on the way: a gzip header, or a stored block,
    can carry text past the decoder. What follows the compressed data is read too.
    """
    strings = Strings(content)
    outer = inner = strings.tee(content.stream)
    for coder in reversed(coders):
        inner = Stream(iter(Expansion(coder, inner, content.budget)))
    names = (coder.name for coder in reversed(coders))
    for item in opened(content.within(iter(()), *names).again(inner)):
        yield item
        for part in strings.parts(last=False):
            yield from emitted(part, content.budget)
    if inner.trouble is None and not content.budget.late and outer.head(1):
        yield from opened(content.within(iter(outer), "trailing data"))
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)


def _reader(coder: Coder) -> Reader:
    def recognises(content: Content) -> bool:
        return content.stream.head(len(coder.magic)) == coder.magic

    def read(content: Content, opened: Open) -> Iterator[Item]:
        return expanded(content, [coder], opened)

    return Reader(coder.name, recognises, read)


READERS = (_reader(GZIP), _reader(ZSTD))
"""Compression that shows by its magic. It needs no header."""
