"""Telephone numbers: digit groups joined by what people put between them, and numbers written evenly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors import phones, tickets
from exfilter.kernel.plain.candidate import Candidate, Text
from exfilter.kernel.plain.fields import next_field

AFTER_PLUS = 10
"""Digits behind a ``+`` among which no national number begins: they belong to that number."""
_DIGITS = re.compile(r"[0-9]+")
GAP = " -./()_"
_LOCAL = re.compile(rf"[{re.escape(GAP)}][0-9]{{4}}")
"""Behind three digits of a number of North America."""
_PHONE_GAP = re.compile(rf"[{re.escape(GAP)}]{{1,3}}")
AREA, COUNTRY = 1, 2


class _Group(NamedTuple):
    start: int
    end: int
    plus: bool
    joined: bool
    """Follows the group before it closely enough to be of one number with it."""
    trunk: bool
    """``(0)``: not dialled after a country code."""
    code: int
    """An area or a country code, of which the number may stand in the next field; else 0."""


def numbers(text: Text, shapes: dict[str, int]) -> Iterator[Candidate]:
    """Yield what may be telephone numbers."""
    groups = list(_groups(text.folded, split=text.records is not None))
    consumed = AFTER_PLUS
    for number, group in enumerate(groups):
        if group.plus or text.folded.startswith("00", group.start):
            consumed = 0
        elif not group.joined:
            consumed = AFTER_PLUS
        international = consumed == 0
        if international or consumed >= AFTER_PLUS:
            yield from _numbers_from(text, groups, number, shapes, international=international)
        consumed += group.end - group.start


def _groups(folded: str, *, split: bool) -> Iterator[_Group]:
    """Yield the groups. ``split``: a number may be split over two fields."""
    before: _Group | None = None
    for start, end in _lone_digits(folded):
        if start < 0:
            before = None
            continue
        plus = folded[max(0, start - 1) : start] == "+" or folded[max(0, start - 2) : start] == "+("
        joined = before is not None and not plus and _is_joined(folded, before, start, end, split=split)
        code = _code(folded, start, end, plus=plus)
        if joined:
            code = AREA if before and before.code == COUNTRY and 2 <= end - start <= 5 else 0
        before = _Group(start, end, plus, joined, folded[start - 1 : end + 1] == "(0)", code)
        yield before


def _lone_digits(folded: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of digits; (-1, -1) for those that are a part of a word."""
    for match in _DIGITS.finditer(folded):
        start, end = match.span()
        part = touches(folded, start - 1) or (touches(folded, end) and not _is_extension(folded, end))
        yield (-1, -1) if part else (start, end)


def touches(folded: str, at: int) -> bool:
    """Whether a letter or a digit is there."""
    return 0 <= at < len(folded) and folded[at].isalnum()


def _is_extension(folded: str, at: int) -> bool:
    """Whether an extension is written at the end of a number: ``x12``, ``ext12``, ``ext 12``."""
    after = at + (3 if folded.startswith("ext", at) else 1 if folded.startswith("x", at) else 0)
    after += after > at + 1 and folded[after : after + 1] in (" ", ".")
    return after > at and folded[after : after + 1].isascii() and folded[after : after + 1].isdigit()


def _is_joined(folded: str, before: _Group, start: int, end: int, *, split: bool) -> bool:
    """Whether a group goes on with the number of the one before it.

    It may stand in the next field behind a country code, or behind an area code: one with its 0, or
    one of North America, three digits before seven.
    """
    if _PHONE_GAP.fullmatch(folded, before.end, start) is not None:
        return True
    if not (split and before.code) or next_field(folded, before.end) != start:
        return False
    marked = before.code == COUNTRY or before.joined or folded[before.start] == "0"
    return marked or end - start == 7 or (end - start == 3 and _LOCAL.match(folded, end) is not None)


def _code(folded: str, start: int, end: int, *, plus: bool) -> int:
    """Return what code a group may be that begins a number."""
    size = end - start
    if plus or folded.startswith("00", start):
        return COUNTRY if size <= (3 if plus else 5) else 0
    if folded[start] == "0":
        return AREA if 2 <= size <= 6 else 0
    return AREA if size == 3 and folded[start] != "1" else 0


def _numbers_from(
    text: Text, groups: list[_Group], first: int, shapes: dict[str, int], *, international: bool
) -> Iterator[Candidate]:
    digits = ""
    for number in range(first, min(len(groups), first + phones.MAX_GROUPS)):
        group = groups[number]
        if number > first and not group.joined:
            return
        if not (international and group.trunk):
            digits += text.folded[group.start : group.end]
        if len(digits) > phones.MAX_DIGITS + 3:
            return
        if len(digits) >= phones.MIN_DIGITS:
            start = groups[first].start
            yield from _spelled(text, start, group.end, digits, shapes, plus=groups[first].plus)


def _spelled(
    text: Text, start: int, end: int, digits: str, shapes: dict[str, int], *, plus: bool
) -> Iterator[Candidate]:
    for sign, spelled in phones.spellings(digits, plus=plus):
        shape = shapes.get(phones.shape(sign, len(spelled)))
        if shape is not None:
            form = f"{sign}{spelled}".encode()
            yield Candidate(shape, start, end, form, column=text.column(start))


# -- numbers written evenly, in any punctuation ----------------------------------------------

EVEN = " \t!#$%&'*,-./:;=\\^_`|~"
LONGEST_GAP = 8
WIDEST = 3
"""Digits of a group of a number that is written evenly."""
_THOUSANDS = " ,.'"
_SCIENTIFIC = re.compile(r"(?<![^\W_])(?<![.,])([0-9])[.,]([0-9]{4,14})e\+?([0-9]{1,2})(?![^\W_])")


@dataclass
class _Run:
    """Groups of one size between equal gaps; the first and the last may be smaller: ``48'123'456``.

    The last one of a number of North America is larger.
    """

    start: int = 0
    end: int = 0
    sizes: list[int] = field(default_factory=list)
    gap: str = ""
    digits: str = ""

    def goes_on(self, folded: str, start: int, end: int) -> bool:
        """Whether a group of digits is the next one of this run. If so, take it."""
        gap, size = folded[self.end : start], end - start
        if not self.sizes or not 1 <= len(gap) <= LONGEST_GAP:
            return False
        if len(self.sizes) == 1:
            if not all(character in EVEN for character in gap) or not self.sizes[0] <= size <= WIDEST:
                return False
            self.gap = gap
        elif gap != self.gap or self.sizes[-1] != self.sizes[1] or not self._fits(size):
            return False
        self.end, self.digits = end, self.digits + folded[start:end]
        self.sizes.append(size)
        return True

    def _fits(self, size: int) -> bool:
        return size <= self.sizes[1] or (size, self.sizes[1]) == (4, 3)


def even_numbers(text: Text, shapes: dict[str, int]) -> Iterator[Candidate]:
    """Yield numbers of three and more even groups, and those in scientific notation."""
    found = [*_even(text, shapes), *_scientific(text, shapes)]
    yield from sorted(found, key=lambda candidate: candidate.start)


def _even(text: Text, shapes: dict[str, int]) -> Iterator[Candidate]:
    folded, run = text.folded, _Run()
    for match in _DIGITS.finditer(folded):
        start, end = match.span()
        alone = not touches(folded, start - 1) and not touches(folded, end)
        if alone and run.goes_on(folded, start, end):
            continue
        yield from _of_run(text, run, shapes)
        fits = alone and end - start <= WIDEST
        run = _Run(start, end, [end - start], "", match.group()) if fits else _Run()
    yield from _of_run(text, run, shapes)


def _of_run(text: Text, run: _Run, shapes: dict[str, int]) -> Iterator[Candidate]:
    if len(run.sizes) <= 2 or not tickets.MIN_BARE_DIGITS <= len(run.digits) <= phones.MAX_DIGITS:
        return
    usual = len(run.sizes) <= phones.MAX_GROUPS and _PHONE_GAP.fullmatch(run.gap) is not None
    if not usual and len(run.digits) >= phones.MIN_DIGITS:
        plus = text.folded[max(0, run.start - 1) : run.start] == "+"
        yield from _spelled(text, run.start, run.end, run.digits, shapes, plus=plus)
    thousands = run.sizes[1] == run.sizes[-1] == 3 and len(run.gap) == 1 and run.gap in _THOUSANDS
    if thousands or run.sizes[1] == 1:
        yield from _bare(text, run.start, run.end, run.digits, shapes)


def _bare(text: Text, start: int, end: int, digits: str, shapes: dict[str, int]) -> Iterator[Candidate]:
    shape = shapes.get(tickets.bare_shape(len(digits)))
    if shape is not None:
        yield Candidate(shape, start, end, digits.encode(), column=text.column(start))


def _scientific(text: Text, shapes: dict[str, int]) -> Iterator[Candidate]:
    """Yield what a spreadsheet makes of long numbers: ``4.930231251E+10``, up to two zeros left out."""
    for match in _SCIENTIFIC.finditer(text.folded):
        first, rest, exponent = match.groups()
        zeros = int(exponent) - len(rest)
        digits = f"{first}{rest}{'0' * zeros}"
        if 0 <= zeros <= 2 and len(digits) <= phones.MAX_DIGITS:
            start, end = match.span()
            if len(digits) >= phones.MIN_DIGITS:
                yield from _spelled(text, start, end, digits, shapes, plus=False)
            yield from _bare(text, start, end, digits, shapes)
