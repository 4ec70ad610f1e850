"""One row of a customer table to the keys of its customer."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from detectors import Key, emails, names, phones, tickets
from exfilter.index import origins
from exfilter.index.columns import Columns, Use
from exfilter.index.regions import region

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from detectors.tickets import Template
    from exfilter.index.table import Cell

_NOTHING = """
    n/a | na | n.a. | #n/a | null | (null) | nil | none | nan | unknown | unbekannt | undefined
    not available | - | -- | --- | ? | . | \\n | tbd
"""
MISSING = frozenset(re.split(r"\s+\|\s+|\n\s+", _NOTHING.strip()))
"""Cells that say that there is nothing, in any case."""
NAMES_ALL_THE_SAME = frozenset(("Na", "Nan", "Nil", "Null"))
"""What is a person's name when it is written like one."""
SHOWN_LINES = 5
"""Line numbers that are kept for each reason."""

NUMBERS = frozenset((Use.EMAIL, Use.PHONE, Use.TICKET))
ABROAD = ("+", "00")
"""What a number with country code begins with."""
LONGEST = 32_767
"""Characters of a cell that is read: as many as a spreadsheet's cell can hold."""

_SEVERAL = {
    Use.EMAIL: re.compile(r"[;|,\n\r]+"),
    Use.PHONE: re.compile(r";(?!ext)|[|\n\r]+"),
    Use.TICKET: re.compile(r"[;|,\n\r]+"),
    Use.NAME: re.compile(r"[;|\n\r]+"),
}
_TOGETHER = {
    Use.EMAIL: re.compile(r"\s+"),
    Use.PHONE: re.compile(r",|\s/\s|/(?=\s*\+)|\sor\s", re.IGNORECASE),
    Use.TICKET: re.compile(r"\s/\s|\sor\s", re.IGNORECASE),
}
"""What stands between two values, but also within one."""
_BRACKETED = re.compile(r"<\s*([^<>\s]+@[^<>\s]+)\s*>")
"""The address in ``Anna Kowalska <anna@post.example>``."""


class Name(NamedTuple):
    """A name with the tokens that the bitmap of roles is made of. Empty: there is none."""

    first: str
    last: str
    keys: tuple[Key, ...]

    @property
    def single(self) -> bool:
        """Whether it is one word."""
        return not (self.first and self.last)

    @property
    def has_tokens(self) -> bool:
        """Whether the bitmap knows it. One without spaces in Han, Kana or Hangul is found without."""
        return bool(self.keys) and not (self.single and names.is_cjk(self.first or self.last))


@dataclass(slots=True)
class LeftOut:
    """What was not used and why, with the first lines of each reason. No values."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, line: int) -> None:
        """Count one row or cell."""
        self.counts[reason] += 1
        if len(self.lines[reason]) < SHOWN_LINES:
            self.lines[reason].append(line)


class Reader:
    """Reads the cells of the columns in use: those of ``columns.all``, in that order."""

    def __init__(self, columns: Columns, templates: tuple[Template, ...], default_region: str) -> None:
        """``default_region``: of phone numbers without country code; empty for none."""
        place = {number: at for at, number in enumerate(columns.all)}
        self._places: Mapping[Use, tuple[int, ...]] = {
            use: tuple(place[number] for number in numbers) for use, numbers in columns.numbers.items()
        }
        self._templates, self.default_region = templates, default_region or None
        self.left_out = LeftOut()
        self.without_region = 0
        """Phone numbers that are kept as they are written."""

    def customer_id(self, cells: tuple[Cell, ...]) -> str:
        """Return the customer's id; empty where the row has none."""
        return next(iter(self._values(Use.ID, cells)), "")

    def tickets(self, cells: tuple[Cell, ...]) -> list[str]:
        """Return the ticket numbers, as they are written."""
        several = _TOGETHER[Use.TICKET]
        return [piece for value in self._values(Use.TICKET, cells) for piece in several.split(value)]

    def keys(self, cells: tuple[Cell, ...], line: int, uses: Container[Use] = NUMBERS) -> Iterator[Key]:
        """Yield the keys of e-mails, phones and tickets: of those ``uses``."""
        for cell in cells:
            if any(len(piece) > LONGEST for piece in ((cell,) if isinstance(cell, str) else cell)):
                self.left_out.add(f"longer than {LONGEST:,} characters", line)
        for value in self._values(Use.EMAIL, cells) if Use.EMAIL in uses else ():
            pieces = _pieces(value, Use.EMAIL, emails.keys)
            yield from self._checked(pieces, "e-mail: not an address", line)
        phone_cells = list(self._values(Use.PHONE, cells)) if Use.PHONE in uses else []
        if phone_cells:
            where = self._row_region(cells, line)
            reason = "phone: not a possible number" if where else "phone: not a possible number (no region)"
            for value in phone_cells:
                pieces = _pieces(value, Use.PHONE, partial(_phone, region=where))
                self.without_region += 0 if where else sum(not piece.startswith(ABROAD) for piece in pieces)
                yield from self._checked(pieces, reason, line)
        for value in self.tickets(cells) if Use.TICKET in uses else ():
            found = tickets.keys(value, self._templates)
            yield from self._checked({value: found}, "ticket: no digits", line)

    def names(self, cells: tuple[Cell, ...], line: int) -> Iterator[Name]:
        """Yield the names."""
        for given, family in self._spelled(cells):
            first, last = names.ends(given, family)
            found = names.keys(first, last)
            if not found:
                self.left_out.add("name: too short or no letters", line)
            yield Name(first, last, found)

    def origin(self, cells: tuple[Cell, ...]) -> int:
        """Return what the column of countries says, as ``origins.code`` has it."""
        return origins.code(self.region(cells)[1]) if next(self._values(Use.COUNTRY, cells), "") else 0

    def country(self, cells: tuple[Cell, ...]) -> str:
        """Return what stands in the column of countries, also where it says that there is nothing."""
        said = [cells[place] for place in self._places.get(Use.COUNTRY, ())]
        return next((cell.strip(" \t") for cell in said if isinstance(cell, str)), "")

    def region(self, cells: tuple[Cell, ...]) -> tuple[str, str | None]:
        """Return what stands in the column of countries, and the region that it means; None: not known."""
        country = next(iter(self._values(Use.COUNTRY, cells)), "")
        return country, region(country) if country else self.default_region

    def _checked(self, pieces: Mapping[str, tuple[Key, ...]], reason: str, line: int) -> Iterator[Key]:
        """Yield the keys of a value's pieces; count the value where one of them has none."""
        if not all(pieces.values()):
            self.left_out.add(reason if not any(pieces.values()) else f"{reason} (a part of the cell)", line)
        for found in pieces.values():
            yield from found

    def _row_region(self, cells: tuple[Cell, ...], line: int) -> str | None:
        country = next(iter(self._values(Use.COUNTRY, cells)), "")
        if not country:
            return self.default_region
        found = region(country)
        if found is None:
            self.left_out.add("country: not known, default region taken", line)
        return found or self.default_region

    def _spelled(self, cells: tuple[Cell, ...]) -> Iterator[tuple[str, str]]:
        """Yield (given, family) of every name of the row."""
        givens = [_first(cells[place]) for place in self._places.get(Use.FIRST_NAME, ())]
        families = [_first(cells[place]) for place in self._places.get(Use.LAST_NAME, ())]
        whole = list(self._values(Use.NAME, cells))
        if givens and not self._places.get(Use.LAST_NAME):
            # "Name, Vorname" in German tables: the name is the family's, unless it has both.
            alone = givens[0]
            known = set(names.tokens(alone))
            yield from (
                names.split(full) if not alone or known & set(names.tokens(full)) else (alone, full)
                for full in whole
            )
            if not whole and alone:
                yield alone, ""
            return
        for at in range(max(len(givens), len(families))):
            given = givens[at] if at < len(givens) else ""
            family = families[at] if at < len(families) else ""
            if given or family:
                yield given, family
        for full in whole:
            yield names.split(full)

    def _values(self, use: Use, cells: tuple[Cell, ...]) -> Iterator[str]:
        for place in self._places.get(use, ()):
            yield from values(cells[place], use)


def _phone(value: str, region: str | None) -> tuple[Key, ...]:
    """Return the keys of a number, also of one with 00 for the ``+`` where that is not dialled."""
    found = phones.keys(value, region)
    if value.startswith(ABROAD[1]) and not (region and found):
        return phones.keys(f"+{value[2:]}", region) or found
    return found


def _pieces(value: str, use: Use, keys: Callable[[str], tuple[Key, ...]]) -> Mapping[str, tuple[Key, ...]]:
    """Return the keys of a value, or of its pieces where it is none as a whole or all of them are one.

    Of pieces without keys those are returned that look as if they should have some.
    """
    whole = keys(value)
    parts = _TOGETHER[use].split(value)
    pieces = {part.strip(): keys(part.strip()) for part in parts if part.strip()} if len(parts) > 1 else {}
    if not any(pieces.values()) or (whole and not all(pieces.values())):
        return {value: whole}
    telling = "@" if use is Use.EMAIL else "0123456789"
    return {piece: found for piece, found in pieces.items() if found or any(map(piece.count, telling))}


def values(cell: Cell, use: Use) -> Iterator[str]:
    """Yield the values of a cell, which may hold several. One that is too long holds none."""
    pieces: Iterable[str] = (cell,) if isinstance(cell, str) else cell
    several = _SEVERAL.get(use)
    for piece in pieces:
        if len(piece) > LONGEST:
            continue
        if use is Use.EMAIL and "<" in piece:
            addressed = _BRACKETED.findall(piece)
            if addressed:
                yield from addressed
                continue
        for value in several.split(piece) if several else (piece,):
            bare = value.strip()
            if bare and not _is_missing(bare, use):
                yield bare


def _is_missing(value: str, use: Use) -> bool:
    if use in (Use.NAME, Use.FIRST_NAME, Use.LAST_NAME) and value in NAMES_ALL_THE_SAME:
        return False
    return value.lower() in MISSING


def _first(cell: Cell) -> str:
    return next(values(cell, Use.FIRST_NAME), "")
