"""Countries of customers, as two letters of ISO 3166 in a number of 16 bits; 0: not known.

A customer's country is what the table's column says; without that, the one that his phone numbers are of,
where that is sure. Some country codes are shared (+1, +7, +44): there the next four digits decide, by the
patterns of ``phonenumbers``, and where these leave several countries, none is taken.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import phonenumbers
from numpy.typing import NDArray
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from detectors import Key
from exfilter.index.dialling import starts
from exfilter.model import Kind

Codes = NDArray[np.uint16]

DEPTH = 4
"""Digits behind a country code that are looked at."""
HEADS = 10**DEPTH
"""A head is a country code and the digits behind it: ``code * HEADS + digits``."""
_DESCRIPTIONS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager",
    "uan", "voicemail",
)  # fmt: skip


def code(region: str | None) -> int:
    """Return the number of a region; 0 for one that is no country."""
    if region is None or len(region) != len("US") or not (region.isascii() and region.isupper()):
        return 0
    return ord(region[0]) << 8 | ord(region[1])


def letters(number: int) -> str:
    """Return the two letters; empty for 0."""
    return f"{chr(number >> 8)}{chr(number & 0xFF)}" if number else ""


def are_codes(numbers: Codes) -> bool:
    """Whether each number is two letters or 0."""
    found = np.unique(numbers).tolist()
    return all(not number or code(letters(number)) == number for number in found)


def head(international: bytes) -> int:
    """Return the head of a phone's canonical form with a plus sign; 0 where there is none."""
    digits = international.removeprefix(b"+")
    for size in (1, 2, 3):
        if int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE:
            behind = digits[size : size + DEPTH]
            return int(digits[:size]) * HEADS + int(behind) if len(behind) == DEPTH else 0
    return 0


def of_heads(heads: NDArray[np.uint32]) -> Codes:
    """Return the country of each head."""
    calling = heads // HEADS
    found: Codes = _alone()[calling]
    for value, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        if len(regions) > 1:
            here = np.flatnonzero(calling == value)
            if len(here):
                found[here] = _shared(value)[heads[here] % HEADS]
    return found


def agreed(count: int, row: NDArray[np.integer], codes: Codes) -> Codes:
    """Return the country of each of ``count`` rows or customers: what is said of it, if that is one."""
    found = np.zeros(count, dtype=np.uint16)
    said = np.flatnonzero(codes)
    row, codes = row[said], codes[said]
    found[row] = codes
    found[row[found[row] != codes]] = 0
    return found


def of_customers(count: int, ordinal: NDArray[np.integer], codes: Codes, before: Codes) -> Codes:
    """Return the country of every ordinal: who is not in the table keeps the one ``before``."""
    found = agreed(count, ordinal, codes)
    gone = np.ones(count, dtype=np.bool_)
    gone[ordinal] = False
    kept = np.flatnonzero(gone[: len(before)])
    found[kept] = before[kept]
    return found


@functools.cache
def _alone() -> Codes:
    """Return the country by country code; 0 where several share it."""
    found = np.zeros(HEADS, dtype=np.uint16)
    for value, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        if len(regions) == 1:
            found[value] = code(regions[0])
    return found


@functools.cache
def _shared(value: int) -> Codes:
    """Return the country of the numbers behind a shared country code, by their first digits."""
    found, taken = np.zeros(HEADS, dtype=np.uint16), np.zeros(HEADS, dtype=np.uint8)
    main, *others = COUNTRY_CODE_TO_REGION_CODE[value]
    for region in (main, *others):
        mine = np.zeros(HEADS, dtype=np.bool_)
        for start in _starts(region, main):
            width = 10 ** (DEPTH - len(start))
            first = int(start or "0") * width
            mine[first : first + width] = True
        found[mine], taken[mine] = code(region), taken[mine] + 1
    found[taken > 1] = 0
    return found


def _starts(region: str, main: str) -> frozenset[str]:
    """Return how numbers of a region begin. A pattern that the main one has too is the main one's."""
    about = _described(region)
    if about.leading_digits:
        return starts(about.leading_digits, DEPTH)
    known = () if region == main else [_pattern(_described(main), each) for each in _DESCRIPTIONS]
    patterns = {_pattern(about, each) for each in _DESCRIPTIONS} - {*known, ""}
    return frozenset[str]().union(*(starts(pattern, DEPTH) for pattern in patterns))


def _described(region: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region(region)
    if found is None:
        msg = f"phonenumbers knows no region {region}: install it again"
        raise ImportError(msg)
    return found


def _pattern(about: PhoneMetadata, description: str) -> str:
    found: phonenumbers.PhoneNumberDesc | None = getattr(about, description)
    return (found.national_number_pattern or "") if found else ""


NOWHERE: Codes = np.empty(0, dtype=np.uint16)


class Origins:
    """What rows say of countries that Python has read, until it is asked for."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._said: dict[int, int] = {}
        self._heads: list[tuple[int, int]] = []

    def add(self, row: int, said: int, keys: Iterable[Key]) -> None:
        """Take a row: what its column of countries says, and its phones."""
        if said:
            self._said[row] = said
        for key in keys:
            if key.kind is Kind.PHONE and key.canonical.startswith(b"+"):
                self._heads.append((row, head(key.canonical)))

    def take(self, said: Codes, phones: Codes) -> Codes:
        """Return the country of each row, and start anew.

        ``said``, ``phones``: of those that Python has not read.
        """
        rows, heads = np.array(self._heads, dtype=np.int64).reshape(-1, 2).T
        phones = np.where(phones != 0, phones, agreed(len(said), rows, of_heads(heads.astype(np.uint32))))
        said = said.copy()
        for row, number in self._said.items():
            said[row] = number
        self._said, self._heads = {}, []
        return np.where(said != 0, said, phones)
