"""Alphabets: bytes that are written with letters, so many bits or a share of a big number each.

RFC 4648 (base16, base32, base64 and their variants), RFC 1924 and Adobe's ASCII85, ZeroMQ's Z85,
RFC 9285 (base45) and Bitcoin's base58.
"""

from __future__ import annotations

import binascii
import re
import string
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_DIGITS = string.digits + string.ascii_lowercase[:22]
"""What ``int`` takes for the digits of a number to the base of 32."""
_UPPER = string.ascii_uppercase
_B32 = f"{_UPPER}234567"
_URL = str.maketrans("-_", "+/")
_B85 = string.digits + _UPPER + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = string.digits + string.ascii_lowercase + _UPPER + ".-:+=^!/*?&<>()[]{}@%$#"
_A85 = "".join(map(chr, range(0x21, 0x76)))
_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_B45 = string.digits + _UPPER + " $%*+-./:"
_NO_HEX = re.compile("[^0-9A-Fa-f]+")
_LONGEST_NUMBER = 256
"""Characters of base58 that are decoded: the time grows with their square."""


@dataclass(frozen=True, slots=True)
class Code:
    """A way to write bytes with letters."""

    name: str
    pattern: re.Pattern[str]
    """What is written with nothing but its letters, but for the padding."""
    unit: int
    """Letters that stand for whole bytes together."""
    decode: Callable[[str], bytes]
    """Takes letters without padding or breaks. Never raises: what does not fit is left out."""


def _hex(text: str) -> bytes:
    # A long run is judged by its beginning: what is behind may be anything.
    text = _NO_HEX.sub("", text)
    return binascii.unhexlify(text[: len(text) // 2 * 2])


def _base32(digits: dict[int, int]) -> Callable[[str], bytes]:
    no_digits = re.compile(f"[^{re.escape(''.join(map(chr, digits)))}]+")

    def decode(text: str) -> bytes:
        # A number to a base that is a power of 2 is read in one pass.
        text = no_digits.sub("", text.upper())
        size = len(text) * 5 // 8
        number = int(text.translate(digits) or "0", 32) >> (len(text) * 5 - size * 8)
        return number.to_bytes(size, "big")

    return decode


def _base64(text: str) -> bytes:
    text = text.translate(_URL)[: len(text) - (len(text) % 4 == 1)]
    return binascii.a2b_base64(text + "=" * (-len(text) % 4))


def _base85(alphabet: str, *, zeros: str = "") -> Callable[[str], bytes]:
    values = np.zeros(256, dtype=np.uint64)
    values[[ord(letter) for letter in alphabet]] = np.arange(85)
    weights = 85 ** np.arange(4, -1, -1, dtype=np.uint64)

    def decode(text: str) -> bytes:
        if zeros:
            text = text.replace(zeros, alphabet[0] * 5)
        missing = -len(text) % 5
        codes = np.frombuffer((text + alphabet[-1] * missing).encode("ascii", "replace"), dtype=np.uint8)
        words = values[codes].reshape(-1, 5) @ weights
        data = words.astype(">u4").tobytes()
        return data[: len(data) - missing]

    return decode


def _base58(text: str) -> bytes:
    number = 0
    for letter in text[:_LONGEST_NUMBER]:
        number = number * 58 + _B58.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base45(text: str) -> bytes:
    data = bytearray()
    for start in range(0, len(text) - 1, 3):
        digits = [_B45.index(letter) for letter in text[start : start + 3]]
        number = sum(digit * 45**place for place, digit in enumerate(digits))
        size = len(digits) - 1
        data += (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")
    return bytes(data)


def _of(letters: str, least: int) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(letters)}]{{{least},}}")


HEX = Code("hex", re.compile("(?:[0-9A-F]{2}){4,}|(?:[0-9a-f]{2}){4,}"), 2, _hex)
BASE32 = Code(
    "base32",
    re.compile("[A-Z2-7]{12,}|[a-z2-7]{12,}"),
    8,
    _base32(str.maketrans(_B32, _DIGITS)),
)
BASE32HEX = Code(
    "base32hex",
    re.compile("[0-9A-V]{24,}|[0-9a-v]{24,}"),
    8,
    _base32(str.maketrans(_DIGITS.upper(), _DIGITS)),
)
BASE64 = Code("base64", re.compile("[A-Za-z0-9+/]{4,}|[A-Za-z0-9_-]{4,}"), 4, _base64)
BASE58 = Code("base58", re.compile(f"[{_B58}]{{20,{_LONGEST_NUMBER}}}"), _LONGEST_NUMBER, _base58)
BASE85 = Code("base85", _of(_B85, 20), 5, _base85(_B85))
Z85 = Code("z85", _of(_Z85, 20), 5, _base85(_Z85))
ASCII85 = Code("ascii85", _of(_A85 + "z", 20), 5, _base85(_A85, zeros="z"))
BASE45 = Code("base45", _of(_B45, 20), 3, _base45)

WORDS = (HEX, BASE32, BASE32HEX, BASE64)
"""What a word of letters and digits may be written in, the plainest first."""
DENSE = (ASCII85, BASE85, Z85, BASE45)
"""What a line without blanks, full of signs, may be written in."""
