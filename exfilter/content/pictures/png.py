"""PNG: its chunks of text, packed or not (PNG, third edition, section 11.3.3), EXIF and colour profile."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exfilter.content.pictures import tiff
from exfilter.content.pictures.carried import Carried, Excess, pieces, until

_SIGNATURE, _HEAD, _CHECK = 8, 8, 4


def walk(data: memoryview) -> Iterator[Carried | Excess]:
    """Yield the texts. See ``carried.Walk``."""
    at = _SIGNATURE
    while at + _HEAD <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        at += _HEAD
        body = data[at : at + size]
        at += size + _CHECK
        if kind == b"eXIf":
            yield from tiff.walk(body)
        elif kind in _CHUNKS:
            yield _CHUNKS[kind](body)


def _text(body: memoryview) -> Carried:
    name, text = until(body)
    return Carried(name.decode("latin-1"), pieces(text))


def _packed(body: memoryview) -> Carried:
    name, text = until(body)
    return Carried(name.decode("latin-1"), pieces(text[1:]), deflated=True)  # a byte says: deflate


def _international(body: memoryview) -> Carried:
    name, rest = until(body)
    packed = bytes(rest[:1]) == b"\x01"
    _, rest = until(rest[2:])  # the language
    translated, text = until(rest)
    shown = f"{name.decode('latin-1')} {translated.decode(errors='replace')}".strip()
    return Carried(shown, pieces(text), deflated=packed)


def _profile(body: memoryview) -> Carried:
    name, profile = until(body)
    return Carried(name.decode("latin-1"), pieces(profile[1:]), deflated=True, profile=True)


_CHUNKS = {b"tEXt": _text, b"zTXt": _packed, b"iTXt": _international, b"iCCP": _profile}
