"""Opens a PDF with pypdf, and reads the text of its pages."""

from __future__ import annotations

import io
import mmap
from collections.abc import Buffer, Iterator
from typing import BinaryIO

from pypdf import PdfReader, overwrite_configuration
from pypdf.errors import LimitReachedError

from exfilter.content.sandbox.found import Found, Left, Text, Wishes
from exfilter.model import Reason

_REPAIR = b"\nstartxref\n0\n%%EOF\n"
"""An end that makes pypdf look for the objects by itself."""
_LONGEST = 24 << 20
"""Bytes that pypdf may make of a stream: it holds them, and often twice."""


class Window(io.RawIOBase):
    """A piece of a file as a file, with some bytes behind it."""

    def __init__(self, data: mmap.mmap, start: int, end: int, suffix: bytes = b"") -> None:
        """Show the bytes from `start` to `end`."""
        self._data, self._start, self._size, self._suffix = data, start, end - start, suffix
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as ``io.IOBase.seek`` does."""
        base = (0, self._at, self._size + len(self._suffix))[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer as far as there are bytes."""
        view = memoryview(buffer).cast("B")
        if self._at < self._size:
            begin = self._start + self._at
            piece = self._data[begin : begin + min(len(view), self._size - self._at)]
        else:
            behind = self._at - self._size
            piece = self._suffix[behind : behind + len(view)]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def mapped(file: BinaryIO) -> mmap.mmap:
    """Return the bytes of a file without holding them: they do not count against the memory."""
    return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def header(data: mmap.mmap) -> int:
    """Return where the PDF begins: all its offsets count from there."""
    return max(0, data.find(b"%PDF-", 0, 1024))


def opened(data: mmap.mmap, wishes: Wishes) -> PdfReader | None:
    """Return a reader of the bytes from the header; None where a password is missing.

    Raises what pypdf raises where it cannot even repair the file.
    """
    overwrite_configuration(
        zlib_maximum_output_length=_LONGEST,
        lzw_maximum_output_length=_LONGEST,
        run_length_maximum_output_length=_LONGEST,
        brotli_maximum_output_length=_LONGEST,
        array_based_stream_maximum_output_length=_LONGEST,
        jbig2dec_binary=None,
    )
    start = header(data)
    try:
        reader = _reader(Window(data, start, len(data)))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pypdf raises anything for a file that is cut off
        reader = _reader(Window(data, start, len(data), _REPAIR))
    if reader is None or not reader.is_encrypted:
        return reader
    unlocked = any(reader.decrypt(password) for password in ("", *wishes.passwords))
    return reader if unlocked else None


def _reader(window: Window) -> PdfReader | None:
    try:
        return PdfReader(io.BufferedReader(window))
    except NotImplementedError:  # a way to encrypt that pypdf does not know
        return None


def texts(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the text of each page: slower than pdfium, and it does not die."""
    data = mapped(file)
    size = len(data)
    reader = opened(data, wishes)
    if reader is None:
        yield Left(Reason.ENCRYPTED, size)
        return
    failed = 0
    for page in reader.pages:
        try:
            text = page.extract_text()
            if text.strip():
                yield Text(text + "\n\n")
        except (MemoryError, LimitReachedError):
            yield Left(Reason.OVER_BUDGET, max(1, size // len(reader.pages)))
        except Exception:  # noqa: BLE001 - pypdf raises anything: the other pages may be whole
            failed += 1
    if failed or not len(reader.pages):
        yield Left(Reason.MALFORMED, max(1, size * failed // max(1, len(reader.pages))))
