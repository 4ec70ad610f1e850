"""Compressed streams: decoded within the budget, over all members, whatever follows them."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import lz4.frame

from exfilter.body import CHUNK
from exfilter.content import machines, sniff
from exfilter.content.binary import Strings
from exfilter.content.budget import Budget, Cut, Inner, Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.machines import Brotli, Lzip, Machine, Skipped, Standard, Zlib, Zstd
from exfilter.content.stream import Stream
from exfilter.limits import MIB
from exfilter.model import Reason


@dataclass(frozen=True, slots=True)
class Coder:
    """A way to compress."""

    name: str
    begin: Callable[[bytes], Machine]
    """Makes a machine for a member that starts with these bytes."""
    recognises: Callable[[bytes], bool]
    """Whether a member begins with these bytes. Never: there is only one, and no magic."""
    step: int
    """Bytes to feed at once: an input of 4 bytes can give 128 KiB with zstd."""
    careful: int = 0
    """Bytes at the start that are fed one by one, because an error takes a whole step with it."""
    window: Callable[[bytes], int] = lambda _: 0
    """Bytes of memory that such a member needs, if they are many."""


def _deflate(head: bytes) -> Machine:
    """Deflate means zlib, and some send it raw."""
    try:
        zlib.decompressobj(zlib.MAX_WBITS).decompress(head, CHUNK)
    except zlib.error:
        return Zlib(-zlib.MAX_WBITS)
    return Zlib(zlib.MAX_WBITS)


def _never(_: bytes) -> bool:
    return False


def _framed(machine: Callable[[], Machine]) -> Callable[[bytes], Machine]:
    return lambda head: Skipped(head) if head.startswith(sniff.SKIPPABLE) else machine()


def _begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _lzma(format_: int, window: Callable[[bytes], int]) -> Callable[[bytes], Machine]:
    return lambda head: Standard(lzma.LZMADecompressor(format_, memlimit=window(head) + MIB))


def _alone(head: bytes) -> bool:
    """Whether a head is one of ``.lzma``, which has no magic: the usual numbers where they belong."""
    size = int.from_bytes(head[5:13], "little")
    window = machines.lzma_window(head)
    common = window and window & (window - 1) in (0, window >> 1 & window)
    return bool(common and _LZMA.match(head)) and (size >> 38 == 0 or size == (1 << 64) - 1)


def _zlib(head: bytes) -> bool:
    """Whether a head is one of zlib (RFC 1950). Its two bytes of magic are not enough: it has to decode."""
    if not _ZLIB.match(head) or int.from_bytes(head[:2]) % 31:
        return False
    machine = zlib.decompressobj()
    try:
        return bool(machine.decompress(head, CHUNK)) and (machine.eof or len(head) == _FIRST)
    except zlib.error:
        return False


_ZLIB = re.compile(rb"[\x08-\x78][\x01\x5e\x9c\xda]")
_LZMA = re.compile(rb"\x5d.{4}.{8}\x00[^\x00]", re.DOTALL)
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
GZIP = Coder("gzip", lambda _: Zlib(16 + zlib.MAX_WBITS), _begins(sniff.GZIP), 1 << 14)
ZSTD = Coder("zstd", _framed(Zstd), _begins(sniff.ZSTD, *sniff.SKIPPABLE), 512, 1 << 12, machines.zstd_window)
LZ4 = Coder(
    "lz4",
    _framed(lambda: Standard(lz4.frame.LZ4FrameDecompressor())),
    _begins(sniff.LZ4, *sniff.SKIPPABLE),
    1 << 12,
    1 << 12,
)
BZIP2 = Coder(
    "bzip2", lambda _: Standard(bz2.BZ2Decompressor()), lambda head: bool(_BZIP2.match(head)), 1 << 12
)
XZ = Coder(
    "xz", _lzma(lzma.FORMAT_XZ, machines.xz_window), _begins(sniff.XZ), 512, 1 << 12, machines.xz_window
)
LZMA = Coder(
    "lzma", _lzma(lzma.FORMAT_ALONE, machines.lzma_window), _alone, 512, 1 << 12, machines.lzma_window
)
LZIP = Coder("lzip", Lzip, _begins(sniff.LZIP), 512, 1 << 12, machines.lzip_window)
ZLIB = Coder("zlib", lambda _: Zlib(zlib.MAX_WBITS), _zlib, 1 << 14)
BROTLI = Coder("br", lambda _: Brotli(), _never, 256, 1 << 14)
DEFLATE = Coder("deflate", _deflate, _never, 1 << 14)
CODERS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": DEFLATE, "br": BROTLI, "zstd": ZSTD}


_LEAST = 64
"""Bytes of a member on average, from very many members on: empty ones are only there to cost time."""
_FIRST = 512
"""Bytes that a coder may look at before it begins."""


def _unread(head: bytes) -> tuple[int, int]:
    """Return where, and how long, what a decoder passes over is in a member that begins so.

    The extra field of gzip (RFC 1952, section 2.3), and the frames of Zstandard and LZ4 without data.
    """
    if head.startswith(sniff.GZIP) and head[3:4] > b"\x03" and head[3] & 4:
        return 12, int.from_bytes(head[10:12], "little")
    return (8, int.from_bytes(head[4:8], "little")) if head.startswith(sniff.SKIPPABLE) else (0, 0)


def _seeks(data: bytes) -> bool:
    """Whether a frame without data is the table of a seekable archive (zstd, contrib/seekable_format)."""
    count = int.from_bytes(data[-9:-5], "little")
    return data.endswith(b"\xb1\xea\x92\x8f") and len(data) - 9 in (8 * count, 12 * count)


class Expansion:
    """One compressed stream, decoded. Iterate it once."""

    def __init__(
        self, coder: Coder, source: Stream, budget: Budget, beside: list[bytes] | None = None
    ) -> None:
        """Decode `source`. What does not come out of the decoder is put to what is `beside`, and held."""
        self._beside = beside
        self._coder = coder
        self._source = source
        self._budget = budget
        self._made = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield what comes out. Raises Cut where the budget ends or the stream is broken."""
        held = 0
        members = 0
        try:
            while members == 0 or self._coder.recognises(self._source.head(_FIRST)):
                window = self._coder.window(self._source.head(_FIRST))
                if window > held and not self._budget.hold(window - held):
                    raise Cut(Reason.OVER_BUDGET, self._source.left)
                held = max(held, window)
                yield from self._member()
                members += 1
                if members > self._budget.limits.parts and self._made < members * _LEAST:
                    raise Cut(Reason.OVER_BUDGET, self._source.left)
                if self._budget.late:
                    return
        finally:
            self._budget.release(held)

    def _member(self) -> Iterator[bytes]:
        source, coder = self._source, self._coder
        self._set_aside(*_unread(source.head(_FIRST)))
        machine = coder.begin(source.head(_FIRST))
        step = 0
        while not machine.finished:
            piece = b"" if machine.pending else source.take(1 if source.taken < coder.careful else coder.step)
            step = len(piece) or step
            if not piece and not machine.pending:
                raise source.trouble or Cut(Reason.MALFORMED)
            try:
                out = machine.feed(piece)
            except MemoryError:
                raise Cut(Reason.OVER_BUDGET, source.left + step) from None
            except machines.ERRORS:
                raise Cut(Reason.MALFORMED, source.left + step) from None
            yield from self._charged(out)
            if self._budget.overdue():
                return
        source.push(machine.unused)

    def _set_aside(self, start: int, size: int) -> None:
        """Keep bytes of the member that begins here."""
        if self._beside is None or size < _LEAST:
            return
        if size > self._budget.room:
            raise Cut(Reason.OVER_BUDGET, self._source.left)
        data = self._source.head(start + size)[start:]
        if not _seeks(data) and self._budget.hold(len(data)):
            self._beside.append(data)

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
    beside: list[bytes] = []
    for coder in reversed(coders):
        inner = Stream(iter(Expansion(coder, inner, content.budget, beside)))
    names = (coder.name for coder in reversed(coders))
    for item in opened(content.within(iter(()), *names).again(inner)):
        yield item
        for part in strings.parts(last=False):
            yield from emitted(part, content.budget)
    place = (*content.path, "passed over")
    content.budget.inner += (Inner(place, [data], len(data)) for data in beside)
    done = inner.trouble is None and not inner.head(1)  # a reader that was over budget takes no more
    if done and not content.budget.late and outer.head(1):
        yield from opened(content.within(iter(outer), "trailing data"))
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)


def _reader(coder: Coder) -> Reader:
    def recognises(content: Content) -> bool:
        return coder.recognises(content.stream.head(_FIRST))

    def read(content: Content, opened: Open) -> Iterator[Item]:
        return expanded(content, [coder], opened)

    return Reader(coder.name, recognises, read)


READERS = tuple(_reader(coder) for coder in (GZIP, ZSTD, LZ4, BZIP2, XZ, LZIP, LZMA, ZLIB))
"""Compression that shows by its magic. It needs no header."""
