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

SAME = (
    ("+1 212 555 0142", "(212) 555-0142", "212.555.0142", "2125550142", "+12125550142"),
    ("+1 212 555 0142", "1-212-555-0142", "001 212 555 0142", "+1 (212) 555 0142", "12125550142"),
    ("+49 30 23125 117", "030/23125117", "0049 30 23125117", "+49 (0)30 23125-117", "(030) 23125-117"),
    ("+1 212 555 0142", "212-555-0142x12", "2125550142x12", "(212) 555-0142 ext. 12", "2125550142ext 12"),
    ("+44 20 7946 0123", "020 7946 0123", "02079460123", "+44\u00a020\u00a07946\u00a00123"),
    ("+49 30 23125 117", "tel:+49-30-23125117", "030-23125-117 and more", "\uff10\uff13\uff1023125117"),
)
LOOKALIKES = (
    ("+1 212 555 0142", "+1 212 555 0143"),
    ("+1 212 555 0142", "+44 212 555 0142"),
    ("+1 212 555 0142", "92125550142"),
    ("+1 212 555 0142", "21255501421"),
    ("+1 212 555 0142", "a2125550142"),
    ("+1 212 555 0142", "2125550142f"),
    ("+49 30 23125 117", "+43 30 23125 117"),
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
    if plus:
        yield "+", digits
        return
    if digits.startswith("00"):
        yield "+", digits[2:]
        return
    if digits.startswith("011"):
        yield "+", digits[3:]
    yield "+", digits
    yield "", digits
    if digits[0] == "0" or (digits[0] in "18" and len(digits) == 11):
        yield "", digits[1:]
