"""Telephone numbers (ITU-T E.164).

Two keys a number: ``+`` with country code and national significant number, for international
spellings, and the national significant number alone, for national ones. ``phonenumbers`` parses
the customer table; the scan joins digit groups and probes what the usual spellings leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors import Key
from exfilter.model import Kind

MIN_DIGITS = 7
MAX_DIGITS = 15
MAX_GROUPS = 7
"""Digit groups of one number: ``+33 (0) 1 23 45 67 89`` has seven."""
NATIONAL = "national"
TWO_DIGIT_CODES = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 "
    "81 82 84 86 90 91 92 93 94 95 98".split()
)
"""Country codes of two digits (ITU-T E.164, list of assigned codes). 1 and 7 have one, the others three."""

SAME = (
    ("+1 212 555 0142", "(212) 555-0142", "212.555.0142", "2125550142", "+12125550142"),
    ("+1 212 555 0142", "1-212-555-0142", "001 212 555 0142", "+1 (212) 555 0142", "12125550142"),
    ("+49 30 23125 117", "030/23125117", "0049 30 23125117", "+49 (0)30 23125-117", "(030) 23125-117"),
    ("+1 212 555 0142", "212-555-0142x12", "2125550142x12", "(212) 555-0142 ext. 12", "2125550142ext 12"),
    ("+44 20 7946 0123", "020 7946 0123", "02079460123", "+44\u00a020\u00a07946\u00a00123"),
    ("+49 30 23125 117", "tel:+49-30-23125117", "030-23125-117 and more", "\uff10\uff13\uff1023125117"),
    (
        "+49 30 23125 117",
        "+49 030 23125117",
        "0049 030 23125 117",
        "030_23125_117",
        "030\u00b723125\u00b7117",
    ),
    ("+1 212 555 0142", "2 1 2 5 5 5 0 1 4 2", "21,25,55,01,42", "2-1-2-5-5-5-0-1-4-2", "212 * 555 * 0142"),
    ("+1 212 555 0142", "2.125550142E+09", "2,125550142E9", "1.2125550142e10", "212, 555, 0142"),
)
LOOKALIKES = (
    ("+1 212 555 0142", "+1 212 555 0143"),
    ("+1 212 555 0142", "+44 212 555 0142"),
    ("+1 212 555 0142", "92125550142"),
    ("+1 212 555 0142", "21255501421"),
    ("+1 212 555 0142", "a2125550142"),
    ("+1 212 555 0142", "2125550142f"),
    ("+49 30 23125 117", "+43 30 23125 117"),
    ("+49 30 23125 117", "+49 0 0 30 23125 117"),
    ("+1 212 555 0142", "21,25,5 5,01,42"),
    ("+1 212 555 0142", "212, 555; 0142"),
    ("+1 212 555 0142", "2.125550142E+10"),
    ("+1 212 555 0142", "v2.125550142E+09"),
)

_PLAUSIBLE = re.compile(r"[\d ()\-./+\u00a0]+")


def keys(cell: str, region: str | None) -> tuple[Key, ...]:
    """Return the keys of one table cell; empty where no number can be read.

    ``region``: ISO 3166 code of the country for numbers without ``+``. Without it such a number
    is kept as it is written, and only found in that national spelling.
    """
    import phonenumbers  # noqa: PLC0415 - 30 ms; no scan needs it

    try:
        number = phonenumbers.parse(cell, region)
    except phonenumbers.NumberParseException:
        return _unplaced(cell)
    if not phonenumbers.is_possible_number(number):
        return _unplaced(cell) if region is None else ()
    national = phonenumbers.national_significant_number(number)
    return tuple(_keys(f"{number.country_code}{national}", national))


def _unplaced(cell: str) -> tuple[Key, ...]:
    """Return the key of a number whose country is not known."""
    if not _PLAUSIBLE.fullmatch(cell.strip()) or "+" in cell:
        return ()
    digits = "".join(re.findall(r"\d", cell)).removeprefix("0")
    return tuple(_keys("", digits))


def _keys(international: str, national: str) -> Iterator[Key]:
    for plus, digits in (("+", international), ("", national)):
        if MIN_DIGITS <= len(digits) <= MAX_DIGITS:
            yield Key(Kind.PHONE, shape(plus, len(digits)), f"{plus}{digits}".encode())


def shape(plus: str, digits: int) -> str:
    """Return the name of the shape: ``+12`` or ``national 10``."""
    return f"+{digits}" if plus else f"{NATIONAL} {digits}"


def spellings(digits: str, *, plus: bool) -> Iterator[tuple[str, str]]:
    """Yield (``+`` or nothing, digits) for every number that a digit string may spell.

    ``plus``: a ``+`` stands in front of it. Prefixes: 00 and 011 (international), 0 (trunk),
    1 and 8 (trunk in North America and in Russia).
    """
    if plus or digits.startswith("00"):
        yield from _international(digits if plus else digits[2:])
        return
    if digits.startswith("011"):
        yield from _international(digits[3:])
    yield "+", digits
    yield "", digits
    if digits[0] == "0" or (digits[0] in "18" and len(digits) == 11):
        yield "", digits[1:]


def _international(digits: str) -> Iterator[tuple[str, str]]:
    """Yield a number with its country code, also without a trunk 0 that was left behind the code."""
    yield "+", digits
    code = country_code(digits)
    if digits[code : code + 1] == "0":
        yield "+", digits[:code] + digits[code + 1 :]


def country_code(digits: str) -> int:
    """Return how many digits the country code has that a number begins with."""
    return 1 if digits[:1] in ("1", "7") else 2 if digits[:2] in TWO_DIGIT_CODES else 3
