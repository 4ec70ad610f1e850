"""The system's libarchive, by way of libarchive-c: reads archives that lie in memory."""

from __future__ import annotations

import ctypes
import locale
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from exfilter.content.archives.names import Names
from exfilter.model import Reason

try:
    from libarchive import ffi
    from libarchive.exception import ArchiveError
except (ImportError, AttributeError, OSError, TypeError):  # it says so in many ways that there is no library
    HERE = False
else:
    HERE = True
_RETRIES = 1000
"""Damaged headers that are passed over."""
_SAYS = {
    "encrypt": Reason.ENCRYPTED,
    "passphrase": Reason.ENCRYPTED,
    "crypto": Reason.ENCRYPTED,
    "memory": Reason.OVER_BUDGET,
    "support": Reason.OPAQUE,
    "unknown codec": Reason.OPAQUE,
}


class Broken(Exception):  # noqa: N818 - as libarchive calls it: not an error of the program
    """The archive cannot be read on."""

    def __init__(self, message: str) -> None:
        """Tell the reason from what libarchive says: it has no numbers for it."""
        super().__init__(message)
        lowered = message.lower()
        self.reason = next((reason for word, reason in _SAYS.items() if word in lowered), Reason.MALFORMED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive, as its header describes it."""

    names: tuple[str, ...]
    """Its name as it reads in one charset or another, then where it links to."""
    size: int
    """0 where the header does not say."""
    encrypted: bool
    warned: bool
    """The header could not be read as a whole."""


class Archive:
    """An archive between two places of some bytes. Use it in a ``with`` statement."""

    def __init__(
        self,
        data: mmap.mmap,
        start: int,
        end: int,
        formats: tuple[str, ...],
        filters: tuple[str, ...] = ("none",),
        password: bytes = b"",
    ) -> None:
        """Read the first of these formats that fits. Raises Broken where none does, or without a library."""
        if not HERE:
            msg = "not supported without libarchive"
            raise Broken(msg)
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")  # in it libarchive gives the names that are in Unicode
        self._bytes = np.frombuffer(data, dtype=np.uint8)  # holds the memory in its place
        self._archive = ffi.read_new()
        self._names = Names()
        for name in filters:
            ffi.get_read_filter_function(name)(self._archive)
        for name in formats:
            ffi.get_read_format_function(name)(self._archive)
        if password:
            ffi.read_add_passphrase(self._archive, password)
        address = self._bytes.ctypes.data + start
        self._checked(ffi.read_open_memory, ctypes.c_void_p(address), end - start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ffi.read_free(self._archive)

    @property
    def taken(self) -> int:
        """Bytes that were read so far."""
        return int(ffi.filter_bytes(self._archive, -1))

    def entries(self) -> Iterator[Entry]:
        """Yield what is in it, in the order of the archive. Raises Broken where that ends too soon."""
        retries = 0
        entry = ffi.entry_new()
        try:
            while (code := self._checked(ffi.read_next_header2, entry, retry=True)) != ffi.ARCHIVE_EOF:
                retries += code == ffi.ARCHIVE_RETRY
                if retries > _RETRIES:
                    msg = "too much is damaged"
                    raise Broken(msg)
                if code != ffi.ARCHIVE_RETRY:
                    yield self._entry(entry, warned=code != ffi.ARCHIVE_OK)
        finally:
            ffi.entry_free(entry)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the entry that came last. Raises Broken."""
        block, size, place = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_longlong()
        into = ctypes.byref(block), ctypes.byref(size), ctypes.byref(place)
        while (code := self._checked(ffi.read_data_block, *into)) == ffi.ARCHIVE_OK:
            yield ctypes.string_at(block.value or 0, size.value)  # without the holes between two blocks
        if code != ffi.ARCHIVE_EOF:  # a warning: what was read does not fit its sum
            raise self._broken()

    def _entry(self, entry: Any, *, warned: bool) -> Entry:  # noqa: ANN401 - a pointer
        names: list[str] = []
        for wide, narrow in (
            (ffi.entry_pathname_w, ffi.entry_pathname),
            (ffi.entry_symlink_w, ffi.entry_symlink),
            (ffi.entry_hardlink_w, ffi.entry_hardlink),
        ):
            try:
                name = wide(entry)
            except ValueError:
                name = None
            names += [name] if name else self._names.read(narrow(entry) or b"")
        encrypted = bool(_is_encrypted()(entry))
        return Entry(tuple(filter(None, names)), max(0, ffi.entry_size(entry)), encrypted, warned)

    def _checked(self, function: Any, *arguments: Any, retry: bool = False) -> int:  # noqa: ANN401
        try:
            code: int = function(self._archive, *arguments)
        except ArchiveError as error:
            if retry and error.retcode == ffi.ARCHIVE_RETRY:
                return int(ffi.ARCHIVE_RETRY)
            raise self._broken() from None
        return code

    def _broken(self) -> Broken:
        return Broken((ffi.error_string(self._archive) or b"").decode("ascii", "replace"))


def _is_encrypted() -> Any:  # noqa: ANN401 - libarchive-c has no name for it
    try:
        return ffi.entry_is_data_encrypted
    except AttributeError:
        return ffi.ffi("entry_is_data_encrypted", [ffi.c_archive_entry_p], ctypes.c_int)
