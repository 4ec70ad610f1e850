"""Recognises UTF-16 and UTF-32, with and without a byte order mark."""

from __future__ import annotations

import codecs

import numpy as np

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE, _START = 1 << 14, 1 << 10
"""Bytes that are looked at, and fewer, where something else follows."""
_WIDEST = 4
_MOST, _FEW = 0.9, 0.1


def charset(head: bytes) -> tuple[str, int] | None:
    """Return the codec and the bytes in front (a byte order mark, or junk), or None for anything else."""
    sample = head[:_SAMPLE]
    for mark, name in _MARKS:
        if sample.startswith(mark) and not _narrow(sample[len(mark) :]):
            return name, len(mark)
    if b"\x00" not in sample:
        return None
    for piece in (sample, sample[:_START]):
        for skip in range(_WIDEST):
            name = _by_zeros(piece[skip:])
            if name and (not skip or "32" in name) and _readable(piece[skip:], name):
                return name, skip
    return None


def _narrow(rest: bytes) -> bool:
    """Whether a mark was put before bytes that are plain UTF-8."""
    if not rest or b"\x00" in rest:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rest)
    except UnicodeDecodeError:
        return False
    return True


def _by_zeros(sample: bytes) -> str:
    """Return the codec by the places of zeros: the high bytes of most letters are zero."""
    if len(sample) < _WIDEST:
        return ""
    codes = np.frombuffer(sample[: len(sample) // 4 * 4], dtype=np.uint8).reshape(-1, 4)
    zeros = (codes == 0).mean(axis=0)
    if zeros[3] == 1 and zeros[2] > _MOST and zeros[0] < _FEW:
        return "utf-32-le"
    if zeros[0] == 1 and zeros[1] > _MOST and zeros[3] < _FEW:
        return "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if odd > _FEW and even < odd * _FEW:
        return "utf-16-le"
    if even > _FEW and odd < even * _FEW:
        return "utf-16-be"
    return ""


def _readable(sample: bytes, name: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(name)().decode(sample[: len(sample) // 4 * 4])
    except UnicodeDecodeError:
        return False
    readable = sum(char.isprintable() or char in "\t\r\n\f\ufeff" for char in text)
    return readable >= 0.95 * len(text)
