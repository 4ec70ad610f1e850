"""Pictures of a PDF as files: the samples stay compressed, only a header is written around them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import cast

from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject

_JBIG2 = b"\x97JB2\r\n\x1a\n\x01\x00\x00\x00\x01"
_TIFF = {"/LZWDecode": 5, "/FlateDecode": 8, "/RunLengthDecode": 32773}
"""TIFF 6.0, and Adobe's supplement: the same codecs as in a PDF."""
_PLAIN, _PREDICTOR, _PNG = 1, 2, 10
"""Predictors of ISO 32000-1, table 8: none, that of TIFF, and from here on those of PNG."""
_COMPONENTS = {"/DeviceRGB": 3, "/CalRGB": 3, "/Lab": 3, "/DeviceCMYK": 4, "/RGB": 3, "/CMYK": 4}
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""Samples of a pixel -> colour type of PNG."""


def filters(stream: StreamObject) -> list[str]:
    """Return the names of the filters, the first to be undone first."""
    held = stream.get("/Filter")
    names = held if isinstance(held, ArrayObject) else [held] if held is not None else []
    return [str(name.get_object()) for name in names]


def parameters(stream: StreamObject) -> DictionaryObject:
    """Return the parameters of the last filter."""
    held = stream.get("/DecodeParms")
    last = held[-1].get_object() if isinstance(held, ArrayObject) and held else held
    return last if isinstance(last, DictionaryObject) else DictionaryObject()


def file(stream: StreamObject) -> tuple[str, Iterable[bytes]]:
    """Return the ending of a name and the bytes of a picture's file."""
    names = filters(stream)
    last = names[-1] if names else ""
    if last in ("/DCTDecode", "/JPXDecode"):
        return "jpg" if last == "/DCTDecode" else "jp2", [stream.get_data()]
    if last == "/CCITTFaxDecode":
        return "tif", [stream.get_data()]  # pypdf makes the file
    if last == "/JBIG2Decode":
        return "jb2", [_JBIG2, StreamObject.get_data(stream)]
    predictor = _number(parameters(stream), "/Predictor", _PLAIN)
    raw = StreamObject.get_data(stream)
    if names == ["/FlateDecode"] and predictor >= _PNG:
        return "png", _png(stream, raw)
    if len(names) == 1 and last in _TIFF and predictor in (_PLAIN, _PREDICTOR):
        return "tif", _tiff(stream, raw, _TIFF[last], predictor)
    return "tif", _tiff(stream, stream.get_data(), 1, _PLAIN)


def _number(held: DictionaryObject, key: str, otherwise: int) -> int:
    value = held.get(key)
    return int(value) if isinstance(value, int) and 0 <= value < 1 << 31 else otherwise


def _components(stream: StreamObject) -> int:
    """Return how many samples a pixel has."""
    space = stream.get("/ColorSpace")
    if isinstance(space, ArrayObject) and space:
        name = str(space[0].get_object())
        if name == "/ICCBased" and len(space) > 1:
            return _number(cast("DictionaryObject", space[1].get_object()), "/N", 3)
        if name == "/DeviceN" and len(space) > 1:
            return len(cast("ArrayObject", space[1].get_object()))
        return _COMPONENTS.get(name, 1)
    return _COMPONENTS.get(str(space), 1) if isinstance(space, NameObject) else 1


def _size(stream: StreamObject) -> tuple[int, int, int, int]:
    """Return width, height, bits of a sample, samples of a pixel."""
    mask = bool(stream.get("/ImageMask"))
    bits = 1 if mask else _number(stream, "/BitsPerComponent", 8)
    return _number(stream, "/Width", 1), _number(stream, "/Height", 1), bits & 0xFF, _components(stream)


def _png(stream: StreamObject, data: bytes) -> list[bytes]:
    """Write a PNG: its rows are compressed as those of a PDF with this predictor (RFC 2083)."""
    width, height, bits, samples = _size(stream)
    header = struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPES.get(samples, 0), 0, 0, 0)
    return [
        b"\x89PNG\r\n\x1a\n",
        *_chunk(b"IHDR", header),
        *_chunk(b"IDAT", data),
        *_chunk(b"IEND", b""),
    ]


def _chunk(name: bytes, data: bytes) -> list[bytes]:
    check = zlib.crc32(data, zlib.crc32(name))
    return [struct.pack(">I", len(data)), name, data, struct.pack(">I", check)]


def _tiff(stream: StreamObject, data: bytes, compression: int, predictor: int) -> list[bytes]:
    """Write a TIFF of one strip (TIFF 6.0, section 2)."""
    width, height, bits, samples = _size(stream)
    samples = min(samples, 0xFFFF)
    photometric = {3: 2, 4: 5}.get(samples, 1)
    entries = 10
    depths = 8 + 2 + 12 * entries + 4
    behind = struct.pack(f"<{samples}H", *[bits] * samples)
    tags = (
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, samples, depths if samples > 2 else bits | (bits << 16) * (samples - 1)),
        (259, 3, 1, compression),
        (262, 3, 1, photometric),
        (273, 4, 1, depths + len(behind)),
        (277, 3, 1, samples),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        (317, 3, 1, predictor),
    )
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return [struct.pack("<2sHIH", b"II", 42, 8, entries), directory, bytes(4), behind, data]
