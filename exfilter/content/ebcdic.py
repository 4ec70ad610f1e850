"""Text of mainframes: recognised by its bytes, because hardly anybody declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

CODECS = ("cp037", "cp273")
"""All national ones have the same letters and digits; the sign of e-mail differs in the German one."""
_RUN = re.compile(
    rb"[\x15\x25\x0d\x40\x4b-\x50\x5a-\x61\x6b-\x6f\x7a-\x7f\x81-\x89\x91-\x99\xa2-\xa9\xb5"
    rb"\xc1-\xc9\xd1-\xd9\xe2-\xe9\xf0-\xf9]{12,}+"
)
"""Letters, digits, spaces and the usual signs."""
_HIGH = bytes(range(0x80, 0x100))
_LETTERS = re.compile(rb"[A-Za-z]")
_USUAL = re.compile(r"[A-Za-z0-9 .,;:@\"'+_/()\t\r\n-]")
_SAMPLE = 1 << 14


def readings(block: bytes) -> Iterator[tuple[str, str]]:
    """Yield the codecs and texts of what is EBCDIC in a block: all of it, or runs between others."""
    if not like(block):
        runs = [run for run in _RUN.findall(block) if 2 * len(run.translate(None, _HIGH)) < len(run)]
        block = b"\x25".join(runs)
    if block:
        for name in CODECS:
            yield name, block.decode(name, "replace").replace("\x85", "\n")


def like(block: bytes) -> bool:
    """Whether a whole block reads as EBCDIC: many high bytes, few letters of ASCII."""
    for sample in (block[:_SAMPLE], block[-_SAMPLE:]):
        high = np.count_nonzero(np.frombuffer(sample, dtype=np.uint8) >= 0x80)
        if high < 0.3 * len(sample) or len(_LETTERS.findall(sample)) > 0.25 * len(sample):
            return False
        text = sample.decode(CODECS[0], "replace").replace("\x85", "\n")
        if len(_USUAL.findall(text)) < 0.85 * len(text):
            return False
    return True
