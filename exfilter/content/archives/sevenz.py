"""What libarchive does not read of 7z: encrypted archives, and those whose end is missing.

AES-256 is that of the ``cryptography`` package, the other coders those of the standard library.
"""

from __future__ import annotations

import bz2
import functools
import hashlib
import itertools
import lzma
import mmap
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from exfilter.body import CHUNK
from exfilter.content import sniff
from exfilter.content.archives import memory, sevenzhead
from exfilter.content.archives.sevenzhead import Folder, Head
from exfilter.content.machines import ERRORS, Machine, Standard, Zlib
from exfilter.content.sandbox.found import Member
from exfilter.content.stream import Stream
from exfilter.limits import MIB

_START = struct.Struct("<6s2sLQQL")
_LONGEST = 32 * MIB
"""Bytes of a header."""
_LEVELS = 4
_AES = b"\x06\xf1\x07\x01"
_LZMA, _LZMA2, _BZIP2, _DEFLATE = b"\x03\x01\x01", b"\x21", b"\x04\x02\x02", b"\x04\x01\x08"
_FILTERS = {
    b"\x03": lzma.FILTER_DELTA,
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
}
_ROUNDS = 24
"""Powers of two of hashing that a key may ask for; 7-Zip asks for 19."""
_WRONG = (*ERRORS, ValueError, IndexError, KeyError, StopIteration)
"""What a wrong password, or a broken header, gives."""


def recognises(head: bytes) -> bool:
    """Whether some bytes begin as 7z."""
    return head.startswith(sniff.SEVENZ)


def end(data: mmap.mmap) -> int:
    """Return where an archive ends, by its first header."""
    if len(data) < _START.size:
        return len(data)
    *_, offset, size, _ = _START.unpack_from(data)
    stop: int = _START.size + offset + size
    return min(len(data), stop)


def members(data: mmap.mmap, passwords: tuple[str, ...]) -> Iterator[Member]:
    """Yield the members that one of the passwords opens."""
    head, password = _header(data, passwords)
    names = iter(head.names)
    for folder in head.folders:
        mine = list(itertools.islice(names, len(folder.sizes)))
        if not any(method == _AES for method, _ in folder.coders):
            continue
        for word in dict.fromkeys((password, *passwords) if password else passwords):
            if _opens(data, folder, word):
                password = word
                stream = Stream(_decoded(data, folder, word))
                for name, size in zip(mine, folder.sizes, strict=False):
                    yield Member(name, _taken(stream, size))
                break


def salvaged(data: mmap.mmap) -> Iterator[Member]:
    """Yield what is left of an archive without its header, which stands at the end: how it was packed is
    not known, so the usual ways are tried.
    """  # noqa: D205
    usual: tuple[tuple[bytes, bytes], ...] = (
        (_LZMA2, b"\x1e"),
        (_LZMA, b"\x5d\x00\x00\x00\x04"),
        (b"\x00", b""),
    )
    for coder in usual:
        folder = Folder([coder], 0, packed=len(data))
        chunks = _decoded(data, folder, "")
        try:
            first = b"".join(itertools.islice(chunks, 1))
        except _WRONG:
            continue
        if first:
            yield Member("", itertools.chain([first], chunks))
            return


def _header(data: mmap.mmap, passwords: tuple[str, ...]) -> tuple[Head, str]:
    """Return the header, and the password that opens it, if it needs one."""
    if len(data) < _START.size:
        return Head([], []), ""
    _, _, _, offset, size, _ = _START.unpack_from(data)
    header = data[_START.size + offset :][:size] if size <= _LONGEST else b""
    head, password = _parsed(header), ""
    for _ in range(_LEVELS):
        if head is None or header[0] != sevenzhead.ENCODED or not head.folders:
            break
        for password in ("", *passwords):  # a header need not have a sum: it is right if it can be read
            header = _whole(data, head.folders[0], password)
            found = _parsed(header)
            if found is not None:
                break
        head = found
    return head or Head([], []), password


def _parsed(header: bytes) -> Head | None:
    try:
        return sevenzhead.parse(header)
    except _WRONG:
        return None


def _whole(data: mmap.mmap, folder: Folder, password: str) -> bytes:
    try:
        return b"".join(_taken(Stream(_decoded(data, folder, password)), min(folder.size, _LONGEST)))
    except _WRONG:
        return b""


def _opens(data: mmap.mmap, folder: Folder, password: str) -> bool:
    """Whether the first file of a folder comes out as its sum says."""
    size, crc = next(zip(folder.sizes, folder.crcs, strict=False), (folder.size, folder.crc))
    found = 0
    try:
        for piece in _taken(Stream(_decoded(data, folder, password)), size):
            found = zlib.crc32(piece, found)
    except _WRONG:
        return False
    return crc is None or crc == found


def _taken(stream: Stream, size: int) -> Iterator[bytes]:
    while size:
        piece = stream.take(min(size, CHUNK))
        if not piece:
            raise EOFError
        size -= len(piece)
        yield piece


def _decoded(data: mmap.mmap, folder: Folder, password: str) -> Iterator[bytes]:
    start = _START.size + folder.start
    chunks = memory.pieces(data, start, min(len(data), start + folder.packed))
    filters: list[dict[str, int]] = []
    for method, properties in folder.coders:
        if method == _AES:
            chunks = _decrypted(chunks, properties, password)
        elif method in (_LZMA, _LZMA2):
            filters = [_lzma(method, properties)]
        elif method in _FILTERS and filters:
            delta = {"dist": properties[0] + 1} if method == b"\x03" else {}
            filters.insert(0, {"id": _FILTERS[method], **delta})
        elif method == _BZIP2:
            chunks = _run(chunks, Standard(bz2.BZ2Decompressor()))
        elif method == _DEFLATE:
            chunks = _run(chunks, Zlib(-zlib.MAX_WBITS))
        elif method != b"\x00":
            raise ValueError
    if filters:
        chunks = _run(chunks, Standard(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)))
    yield from chunks


def _lzma(method: bytes, properties: bytes) -> dict[str, int]:
    if method == _LZMA2:
        size = properties[0]
        return {"id": lzma.FILTER_LZMA2, "dict_size": (2 | size & 1) << (size // 2 + 11)}
    first = properties[0]
    return {
        "id": lzma.FILTER_LZMA1,
        "dict_size": int.from_bytes(properties[1:5], "little"),
        "lc": first % 9,
        "lp": first // 9 % 5,
        "pb": first // 45,
    }


def _run(chunks: Iterator[bytes], machine: Machine) -> Iterator[bytes]:
    for chunk in chunks:
        out = machine.feed(chunk)
        yield out
        while machine.pending:
            yield machine.feed(b"")
        if machine.finished:
            return


def _decrypted(chunks: Iterator[bytes], properties: bytes, password: str) -> Iterator[bytes]:
    first, second = properties[0], properties[1] if properties[0] & 0xC0 else 0
    salted = (first >> 7) + (second >> 4)
    started = (first >> 6 & 1) + (second & 15)
    salt = properties[2 : 2 + salted]
    begin = properties[2 + salted : 2 + salted + started].ljust(16, b"\x00")
    decryptor = Cipher(AES(_key(password, salt, first & 0x3F)), CBC(begin)).decryptor()
    for chunk in chunks:
        yield decryptor.update(chunk)


@functools.lru_cache(maxsize=64)
def _key(password: str, salt: bytes, rounds: int) -> bytes:
    """Return the key: SHA-256 over salt, password and a number, for each number below 2**rounds."""
    word = salt + password.encode("utf-16-le", "replace")
    if rounds == 0x3F:
        return word[:32].ljust(32, b"\x00")
    if rounds > _ROUNDS:
        raise ValueError
    block = min(1 << rounds, 1 << 14)
    rows = np.empty((block, len(word) + 8), dtype=np.uint8)
    rows[:, : len(word)] = np.frombuffer(word, dtype=np.uint8)
    total = hashlib.sha256()
    for start in range(0, 1 << rounds, block):
        numbers = np.arange(start, start + block, dtype="<u8")
        rows[:, len(word) :] = numbers.view(np.uint8).reshape(block, 8)
        total.update(rows.tobytes())
    return total.digest()
