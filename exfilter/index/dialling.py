"""Telephone numbers of which it is certain what ``phonenumbers`` makes of them, from its own metadata.

A number is plain when nothing is taken from its front, or the literal national prefix, and its length
alone says that it is possible. Whether something may be taken is judged by its first two digits: by the
patterns of prefixes, of which ``starts`` gives a superset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

DEPTH = 2
"""Digits that are looked at."""
UNCLEAR = 255
"""What is stripped: nobody knows."""
OWN_CODE = 254
"""What is stripped: perhaps the country code, written without anything before it."""
LONGEST = 17
"""Digits of a national number that ``phonenumbers`` reads."""
_DIGITS = "0123456789"
_ANY = frozenset(_DIGITS)


class _Rules(NamedTuple):
    """What decides how a number of a country is read."""

    code: int
    prefix: str
    """Pattern of the national prefix."""
    abroad: str
    """Pattern of the international prefix."""
    numbers: str
    """Pattern of national numbers."""
    lengths: int
    """Bit n: a national number of n digits is possible."""
    local_lengths: int
    """Bit n: one of n digits is possible where it is dialled locally."""


class Plan:
    """Flat arrays by country code (1 and on, 0: none) or by region.

    What is not asked for yet is ``UNCLEAR``: the metadata of all regions take a second to load.
    """

    def __init__(self) -> None:
        """Know the country codes, and no country yet."""
        self.regions = tuple(sorted(phonenumbers.SUPPORTED_REGIONS))
        """A region's number is its place."""
        values = sorted(COUNTRY_CODE_TO_REGION_CODE)
        codes, regions = len(values) + 1, len(self.regions)
        self.calling: NDArray[np.uint16] = np.array([0, *values], dtype=np.uint16)
        """[codes]: the value of the country code."""
        self.code: NDArray[np.uint16] = np.zeros(1000, dtype=np.uint16)
        """[1000]: number of the country code that is this value; no code begins another one."""
        self.code[values] = np.arange(1, codes)
        self.possible: NDArray[np.uint32] = np.zeros((codes, 2), dtype=np.uint32)
        """[codes, 2]: bit n: a national number of n digits is possible; and also where it is only dialled
        locally."""
        self.abroad: NDArray[np.uint8] = np.full((codes, 100), UNCLEAR, dtype=np.uint8)
        """[codes, 100]: digits to strip behind the country code, by the first two; or ``UNCLEAR``."""
        self.country: NDArray[np.uint16] = np.zeros(regions, dtype=np.uint16)
        """[regions]: number of the country code."""
        self.home: NDArray[np.uint8] = np.full((regions, 100), UNCLEAR, dtype=np.uint8)
        """[regions, 100]: as ``abroad``, of numbers without country code; or ``OWN_CODE``."""
        self.trunk: NDArray[np.uint8] = np.full((regions, 100), UNCLEAR, dtype=np.uint8)
        """[regions, 100]: as ``home``, of what stands behind the own country code."""
        self.zeros: NDArray[np.uint8] = np.zeros(regions, dtype=np.uint8)
        """[regions]: whether 00, and nothing else, is the international prefix."""
        self.home_possible: NDArray[np.uint32] = np.zeros(regions, dtype=np.uint32)
        """[regions]: as ``possible[:, 0]``."""
        self._met: set[int | str] = set()

    def meet(self, international: str) -> None:
        """Learn the country of a number, which begins with its country code."""
        for size in (1, 2, 3):
            if self.code[int(international[:size])]:
                self._meet_code(int(international[:size]))
                return

    def meet_region(self, region: str) -> int:
        """Learn a region, and return its number."""
        number = self.regions.index(region)
        if region not in self._met:
            self._met.add(region)
            rules = _rules(PhoneMetadata.metadata_for_region(region))
            self._meet_code(rules.code)
            self.country[number] = self.code[rules.code]
            self.home_possible[number] = rules.lengths
            self.trunk[number] = list(_stripped(rules))
            self.home[number] = [
                _at_home(rules, start, strip)
                for start, strip in zip(_starts_of_two(), self.trunk[number].tolist(), strict=True)
            ]
            self.zeros[number] = rules.abroad == "00"
        return number

    def _meet_code(self, value: int) -> None:
        if value in self._met:
            return
        self._met.add(value)
        region = COUNTRY_CODE_TO_REGION_CODE[value][0]
        rules = _rules(PhoneMetadata.metadata_for_region_or_calling_code(value, region))
        # Lengths come first: other threads read.
        self.possible[self.code[value]] = rules.lengths, _possible(value)
        self.abroad[self.code[value]] = list(_stripped(rules))


def _starts_of_two() -> list[str]:
    return [f"{number:02}" for number in range(100)]


def _rules(metadata: PhoneMetadata | None) -> _Rules:
    if metadata is None or metadata.general_desc is None:
        return _Rules(0, "", "", "", 0, 0)
    about = metadata.general_desc
    return _Rules(
        metadata.country_code or 0,
        metadata.national_prefix_for_parsing or "",
        metadata.international_prefix or "",
        about.national_number_pattern or "",
        _bits(about.possible_length),
        _bits(about.possible_length_local_only),
    )


def _bits(lengths: Iterable[int]) -> int:
    return sum(1 << length for length in lengths if 0 < length <= LONGEST)


def _possible(value: int) -> int:
    """Return the lengths at which a number of a country is possible: it goes by nothing else."""
    return sum(
        1 << length
        for length in range(2, LONGEST + 1)
        if phonenumbers.is_possible_number(PhoneNumber(country_code=value, national_number=int("2" * length)))
    )


def _stripped(rules: _Rules) -> Iterator[int]:
    """Yield how many digits are the national prefix, by the first two of a number."""
    prefixes = _divided(rules.prefix)
    numbers = starts(rules.numbers)
    for start in _starts_of_two():
        found = [prefix for prefix in prefixes if _may_begin(start, starts(prefix) - {""})]
        if not found:
            yield 0
        elif found == [start[: len(found[0])]] and not _may_begin(found[0], numbers):
            # No number of the country begins with it: so it is always taken away.
            yield len(found[0])
        else:
            yield UNCLEAR


def _divided(pattern: str) -> list[str]:
    """Return the alternatives of a pattern."""
    found, depth = [""], 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and not depth:
            found.append("")
        else:
            found[-1] += character
    return found


def _at_home(rules: _Rules, start: str, strip: int) -> int:
    """Return what is stripped of a number that may have an international prefix or a country code."""
    if _may_begin(start, starts(rules.abroad)):
        return UNCLEAR
    if not _may_begin(start, frozenset({str(rules.code)[:DEPTH]})):
        return strip
    return OWN_CODE if rules.local_lengths < rules.lengths else UNCLEAR


def _may_begin(start: str, prefixes: frozenset[str]) -> bool:
    return any(start.startswith(prefix) or prefix.startswith(start) for prefix in prefixes)


def starts(pattern: str, depth: int = DEPTH) -> frozenset[str]:
    """Return how strings may begin that a pattern matches: their first digits, all of a shorter one.

    For the patterns of ``phonenumbers``: digits, classes, groups, alternatives, repetition. Perhaps more
    than there are, never fewer. Raises ValueError for any other pattern.
    """
    found, rest = _alternatives(pattern, depth)
    if rest:
        msg = "this is no pattern of digits"
        raise ValueError(msg)
    return found


def _joined(some: frozenset[str], more: frozenset[str], depth: int) -> frozenset[str]:
    found: set[str] = set()
    for size in {len(one) for one in some}:
        behind = {other[: depth - size] for other in more}
        found.update(one + other for one in some if len(one) == size for other in behind)
    return frozenset(found)


def _alternatives(pattern: str, depth: int) -> tuple[frozenset[str], str]:
    """Return how the alternatives begin, and the pattern behind them."""
    found: frozenset[str] = frozenset()
    sequence = frozenset([""])
    while pattern and pattern[0] != ")":
        if pattern[0] == "|":
            found, sequence, pattern = found | sequence, frozenset([""]), pattern[1:]
        else:
            item, pattern = _item(pattern, depth)
            sequence = _joined(sequence, item, depth)
    return found | sequence, pattern


def _item(pattern: str, depth: int) -> tuple[frozenset[str], str]:
    """Return how one item begins, with its repetition, and the pattern behind it."""
    if pattern[0] == "$":
        return frozenset([""]), pattern[1:]
    if pattern[0] == "(":
        item, pattern = _alternatives(pattern[1:].removeprefix("?:"), depth)
        pattern = pattern.removeprefix(")")
    elif pattern.startswith("\\d"):
        item, pattern = _ANY, pattern[2:]
    elif pattern[0] == "[":
        inside, _, pattern = pattern[1:].partition("]")
        item = _class(inside)
    elif pattern[0] in _ANY:
        item, pattern = frozenset(pattern[0]), pattern[1:]
    else:
        msg = "this is no pattern of digits"
        raise ValueError(msg)
    return _repeated(item, pattern, depth)


def _class(inside: str) -> frozenset[str]:
    found = set()
    while inside:
        if inside[1:2] == "-":
            first, last, inside = inside[0], inside[2], inside[3:]
            found |= {digit for digit in _DIGITS if first <= digit <= last}
        else:
            found.add(inside[0])
            inside = inside[1:]
    return frozenset(found)


def _repeated(item: frozenset[str], pattern: str, depth: int) -> tuple[frozenset[str], str]:
    least = most = 1
    if pattern[:1] and pattern[0] in "?*+":
        least, most = {"?": (0, 1), "*": (0, depth), "+": (1, depth)}[pattern[0]]
        pattern = pattern[1:]
    elif pattern[:1] == "{":
        inside, _, pattern = pattern[1:].partition("}")
        low, _, high = inside.partition(",")
        least, most = int(low), int(high or low)
    found = frozenset([""])
    for _ in range(min(least, depth)):
        found = _joined(found, item, depth)
    for _ in range(min(most, depth) - min(least, depth)):
        found |= _joined(found, item, depth)
    return found, pattern
