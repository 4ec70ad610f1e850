"""Decompressors of one kind of face: each decodes one member of a stream, a few MiB at a time."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli
import lz4.frame
import zstandard

from exfilter.body import CHUNK
from exfilter.limits import MIB

ERRORS = (zlib.error, brotli.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError, RuntimeError)
"""What the libraries raise for bytes that they cannot decode. MemoryError: it would take too much memory."""
WINDOW = 128 * MIB
"""Bytes of decoded data that a member may look back on; zstd and xz write less unless they are told to."""


class Machine(Protocol):
    """Decodes one member of a stream."""

    def feed(self, data: bytes) -> bytes:
        """Return what is decoded so far, a few MiB at most. Raises one of ERRORS, or MemoryError."""

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
        self._machine = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()

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


class Standard:
    """Bzip2, xz and LZ4, whose machines have the same methods."""

    def __init__(
        self, machine: bz2.BZ2Decompressor | lzma.LZMADecompressor | lz4.frame.LZ4FrameDecompressor
    ) -> None:
        """Begin a member with a new machine."""
        self._machine = machine

    def feed(self, data: bytes) -> bytes:
        """See :class:`Machine`."""
        try:
            return bytes(self._machine.decompress(data, CHUNK))
        except lzma.LZMAError as error:
            if "emory" in str(error):  # "Memory usage limit exceeded": the library has no code for it
                raise MemoryError from None
            raise

    @property
    def pending(self) -> bool:
        """See :class:`Machine`."""
        return not self.finished and not self._machine.needs_input

    @property
    def finished(self) -> bool:
        """See :class:`Machine`."""
        return bool(self._machine.eof)

    @property
    def unused(self) -> bytes:
        """See :class:`Machine`."""
        return self._machine.unused_data or b""


class Lzip:
    """Lzip (its manual, "File format"): raw LZMA between a head of 6 and a tail of 20 bytes."""

    HEAD, TAIL = 6, 20

    def __init__(self, head: bytes) -> None:
        """Begin a member that starts with `head`."""
        options = {"id": lzma.FILTER_LZMA1, "dict_size": lzip_window(head), "lc": 3, "lp": 0, "pb": 2}
        self._machine = Standard(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options]))
        self._skip = self.HEAD
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """See :class:`Machine`."""
        if self._machine.finished:
            self._tail += data
            return b""
        skipped = data[: self._skip]
        self._skip -= len(skipped)
        out = self._machine.feed(data[len(skipped) :])
        if self._machine.finished:
            self._tail = self._machine.unused
        return out

    @property
    def pending(self) -> bool:
        """See :class:`Machine`."""
        return self._machine.pending

    @property
    def finished(self) -> bool:
        """See :class:`Machine`."""
        return self._machine.finished and len(self._tail) >= self.TAIL

    @property
    def unused(self) -> bytes:
        """See :class:`Machine`."""
        return self._tail[self.TAIL :]


class Skipped:
    """A skippable frame of Zstandard and LZ4 (RFC 8878, section 3.1.2): nothing comes out of it."""

    HEAD = 8
    pending = False

    def __init__(self, head: bytes) -> None:
        """Begin a frame that starts with `head`."""
        self._left = self.HEAD + int.from_bytes(head[4 : self.HEAD], "little")
        self.unused = b""

    def feed(self, data: bytes) -> bytes:
        """See :class:`Machine`."""
        self.unused = data[self._left :]
        self._left = max(0, self._left - len(data))
        return b""

    @property
    def finished(self) -> bool:
        """See :class:`Machine`."""
        return not self._left


def zstd_window(head: bytes) -> int:
    """Return how many bytes of memory a frame asks for, 0 where it does not say."""
    try:
        return zstandard.get_frame_parameters(head).window_size
    except zstandard.ZstdError:
        return 0


def xz_window(head: bytes) -> int:
    """Return the same for an xz stream, from its first block header (xz-file-format.txt, section 3.1)."""
    try:
        flags, place = head[13], 14
        for bit in (0x40, 0x80):  # sizes of the block
            place = _behind_number(head, place) if flags & bit else place
        for _ in range(flags & 3):  # filters in front of the last one
            place = _behind_number(head, place)
            place += 1 + head[place]
        size = head[place + 2]
    except IndexError:
        return 0
    return (2 | size & 1) << (size // 2 + 11)


def _behind_number(head: bytes, place: int) -> int:
    """Return where a number of 7 bits a byte ends. Raises IndexError."""
    while head[place] & 0x80:
        place += 1
    return place + 1


def lzma_window(head: bytes) -> int:
    """Return the same for a stream of the old format ``.lzma``."""
    return int.from_bytes(head[1:5], "little")


def lzip_window(head: bytes) -> int:
    """Return the same for a member of lzip."""
    size = 1 << (head[5] & 31) if len(head) > 5 else 0
    return size - size // 16 * (head[5] >> 5) if size else 1 << 12
