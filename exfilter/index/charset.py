"""One decision on the charset of a customer table: the one that a scan takes on the same bytes."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from exfilter.body import CHUNK
from exfilter.content import wide
from exfilter.content.charset import Decoder
from exfilter.index.table import SNIFFED, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Charset(NamedTuple):
    """How to decode a table."""

    codec: str
    shown: str
    doubt: str = ""
    """Why it may be another one. Empty: it is certain."""


_UTF8 = Charset("utf-8", "UTF-8")
_MARKED = Charset("utf-8-sig", "UTF-8")
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_HIGH = bytes(range(0x80, 0x100))
_WINDOWS = re.compile(r"cp(125\d)")


class _Decision(Decoder):
    """The scan's own decoder, asked what it has settled on."""

    @property
    def codec(self) -> str:
        """The charset of what is not UTF-8. Empty: the bytes say too little."""
        return self._other


def detect(path: Path) -> Charset:
    """Return the charset of a file. Reads all of it."""
    with opened(path) as file:
        head = file.content.read(SNIFFED)
        found = wide.charset(head)
        if found:
            return _wide(*found)
        if head.startswith(codecs.BOM_UTF8):
            return _MARKED
        file.content.seek(0)
        if all(_decodes(block, "utf-8") for block in _blocks(file.content)):
            return _UTF8
        file.content.seek(0)
        return _narrow(_blocks(file.content))


def _wide(codec: str, mark: int) -> Charset:
    """Return UTF-16 or UTF-32: where there is a mark, in the codec that takes it away."""
    form = codec[: len("utf-16")]
    return Charset(form if mark else codec, form.upper())


def _narrow(blocks: Iterable[bytes]) -> Charset:
    codec = ""
    good = bad = 0
    undefined = unfit = False
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.isascii()]
        wrong = [line for line in lines if not _decodes(line, "utf-8")]
        good, bad = good + len(lines) - len(wrong), bad + len(wrong)
        if wrong:
            undefined |= bool(_NOT_IN_CP1252.search(b"".join(wrong)))
            if not codec:
                codec = _settled(block)
            unfit |= bool(codec) and not _decodes(block, codec)
    # A stray byte does not make Latin-1 of a UTF-8 file: its row is left out instead.
    if bad <= good:
        return _UTF8
    return _guessed(codec, "latin-1" if undefined else "cp1252", unfit=unfit)


def _settled(block: bytes) -> str:
    decision = _Decision("")
    decision.decode(block)
    return decision.codec


def _guessed(codec: str, otherwise: str, *, unfit: bool) -> Charset:
    name = _shown(codec or otherwise)
    why = "which its bytes suggest" if codec else "because its few letters that are not ASCII say too little"
    if unfit:
        why = "which its bytes suggest, though some of them are no characters there"
    doubt = f"the table is not UTF-8 and was read as {name}, {why}: if that is wrong, save it as UTF-8"
    return Charset(codec or otherwise, f"{name} (it is not UTF-8)", doubt)


def _shown(codec: str) -> str:
    """Return the name that people know a charset by."""
    name = codecs.lookup(codec).name
    windows = _WINDOWS.fullmatch(name)
    if windows:
        return f"Windows-{windows[1]}"
    return "Latin-1" if name == "iso8859-1" else name.upper().replace("ISO8859", "ISO-8859")


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _blocks(content: BinaryIO) -> Iterator[bytes]:
    """Yield a file in blocks that end, as a scan's do, with a line or at least with a character."""
    rest = b""
    while chunk := content.read(CHUNK):
        block = rest + chunk
        line = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        cut = line or len(block.rstrip(_HIGH)) or len(block)
        yield block[:cut]
        rest = block[cut:]
    yield rest
