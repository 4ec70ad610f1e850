"""What programs leave in packages beside text: fonts in disguise, settings of printers, caches of layouts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

from exfilter.content import sniff

KEY = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
FONT_KEY = re.compile(r'fontKey="\{(' + KEY.pattern + r')\}"')
_DISGUISED = 32
"""Bytes of an embedded font that are hidden (ECMA-376-1, 17.8.1)."""
_MOST = 1 << 16
_SPARSE = 0.7
"""Size in relation to the original below which compression shows that bytes are hardly used."""
_DEVICE_NAME, _SPECIFICATION, _PUBLIC = 64, b"\x01\x04", b"\xdc\x00"
_LAYOUT = b"\x01\x00\x01\x00p"


def font(start: bytes, keys: Iterable[str]) -> bytes:
    """Return the beginning of a font without its disguise; what is none stays as it is."""
    for key in keys if len(start) > _DISGUISED else ():
        mask = bytes.fromhex(key.replace("-", ""))[::-1] * 2
        plain = bytes(a ^ b for a, b in zip(start, mask, strict=False)) + start[_DISGUISED:]
        if sniff.signature(plain) == "font":
            return plain
    return start


def idle(data: bytes) -> bool:
    """Whether some bytes are one of the small files without text that programs add by themselves."""
    known = _is_printer(data) or _is_layout(data)
    return known and len(data) <= _MOST and len(zlib.compress(data, 1)) <= _SPARSE * len(data)


def _is_printer(data: bytes) -> bool:
    """Whether it is a DEVMODEW: version 0x0401 and 220 bytes of public members."""
    return data[_DEVICE_NAME : _DEVICE_NAME + 2] == _SPECIFICATION and data[68:70] == _PUBLIC


def _is_layout(data: bytes) -> bool:
    """Whether it is the layout cache of a text document: one record that holds all others."""
    return data.startswith(_LAYOUT) and int.from_bytes(data[5:8], "little") in (len(data) - 4, len(data) - 8)


def strings(data: bytes) -> Iterator[str]:
    """Yield what is written in such a file."""
    text = data.decode("utf-16-le", "replace") + "\n" + data.decode("latin-1")
    yield from re.findall(r"[^\W_][\w @.,+()/-]{3,}", text)
