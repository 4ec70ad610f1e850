"""Invents customers that look like those of a table and are none of them.

Names are given and family names of the table, in new pairs where there are any. Ids and tickets have
the table's shapes. E-mail addresses are at the given domains, as often at each as the table, and are made
of names as the table's are. Phones come from the ranges that regulators keep for fiction, spelt as the
country's are in the table; where a country has none the cell stays empty, and others are preferred.
Of columns that are not used a value is taken that many rows share, so nothing of a real customer is
copied that could be his alone.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import phonenumbers

from detectors import names
from exfilter.index import columns, styles
from exfilter.index.canaries import TEAM
from exfilter.index.cells import Reader
from exfilter.index.columns import Columns, Use
from exfilter.index.table import Broken

if TYPE_CHECKING:
    from exfilter.index.table import Cell, Progress, Table

DOMAINS = ("example.com", "example.net", "example.org")
"""Reserved by RFC 2606: nobody receives mail there."""
FICTION: Mapping[str, str] = {
    "AU": "+614915701##",  # ACMA
    "CA": "+1???55501##",  # NANPA
    "DE": "+493023125###",  # BNetzA
    "FR": "+3363998####",  # ARCEP
    "GB": "+447700900###",  # Ofcom
    "SE": "+467017406##",  # PTS
    "US": "+1???55501##",  # NANPA
}
"""Ranges by country. ``#``: any digit; ``?``: the area code of a real number."""
SAMPLED = 4000
"""Rows that are looked at closely."""
SPARE = 40
"""Candidates for each canary: those that the table has already are dropped."""
BEHIND = 20
"""Numbers behind the last known one that are taken, at least."""
LEAST = 400
"""Candidates, however few canaries are wished for."""
TRIES = 6
"""Rows that are tried for one whose phone can be followed."""
SPELLINGS = 30
"""Phones of the same country that are tried for one into whose signs a number fits."""
COMMON = 0.02
"""Share of the rows from which on a value belongs to nobody alone."""
NAME = 256
"""Characters of a name that are looked at."""
_NAME, _PHONE = "names ", "phone "
_DIGITS = re.compile(r"[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be invented."""

    teams: Mapping[str, int]
    """Canaries by team."""
    mapping: tuple[str, ...] = ()
    region: str = ""
    """Both as in ``build.Options``."""
    domains: tuple[str, ...] = DOMAINS


def invent(table: Table, wish: Wish, random: Random, progress: Progress = lambda _: None) -> list[Row]:
    """Return the names of the columns, then a row for each canary, with its team in the last column.

    Raises ValueError where the table has no ids, nothing that identifies, or too little to make new of.
    """
    used = columns.recognise(table.columns, wish.mapping)
    _check(used)
    sample = _Sample.of(table, used, wish, random, lambda done: progress(done / 2))
    count = sum(wish.teams.values())
    for plain in (False, True):  # where names are few the table's own styles may give too few addresses
        drafts = _distinct(sample.draft(random, plain=plain) for _ in range(max(LEAST, SPARE * count)))
        free = _unknown(table, used, drafts, lambda done: progress(0.5 + done / 2))
        if len(free) >= count:
            break
    if len(free) < count:
        msg = f"only {len(free)} of {count} canaries could be invented that nobody in the table is like"
        raise ValueError(msg)
    teams = [team for team, number in wish.teams.items() for _ in range(number)]
    rows = [(*draft, team) for draft, team in zip(free, teams, strict=False)]
    return [(*table.columns, TEAM), *rows]


def _check(used: Columns) -> None:
    if Use.ID not in used.numbers:
        msg = "the table has no customer ids, by which canaries are known: say which with --map id=COLUMN"
        raise ValueError(msg)
    if not any(use in used.numbers for use in (Use.EMAIL, Use.TICKET, Use.PHONE)):
        msg = "the table has no e-mail addresses, phones or tickets, and a name alone identifies nobody"
        raise ValueError(msg)


def _distinct(drafts: Iterator[Row]) -> list[Row]:
    return list(dict.fromkeys(drafts))


@dataclass(slots=True)
class _Sample:
    """Rows of the table, and what is made of them."""

    used: Columns
    domains: tuple[str, ...]
    reader: Reader
    rows: list[Row] = field(repr=False)
    common: tuple[tuple[str, ...], ...] = field(repr=False)
    """Of each column: values that many rows share."""
    peers: Mapping[str, list[Row]] = field(repr=False)
    """Rows by country."""
    numbers: Mapping[Use, Numbers] = field(repr=False)
    """Of ids and of tickets."""
    styles: tuple[str, ...]
    """Of local parts, as often as they occur."""
    weights: tuple[int, ...]
    """Of the domains: how often the table has each."""

    @classmethod
    def of(cls, table: Table, used: Columns, wish: Wish, random: Random, progress: Progress) -> _Sample:
        """Take rows from everywhere (reservoir sampling, Vitter's algorithm R)."""
        everything = tuple(range(len(table.columns)))
        rows: list[Row] = []
        whole = (row.cells for row in table.rows(everything, progress) if not isinstance(row, Broken))
        for number, cells in enumerate(whole):
            place = number if number < SAMPLED else random.randrange(number + 1)
            if place < SAMPLED:
                rows[place : place + 1] = [tuple(map(_text, cells))]
        if not rows:
            msg = "the table holds no row that can be used"
            raise ValueError(msg)
        peers = defaultdict(list)
        for row in rows:
            peers[_first(row, used, Use.COUNTRY)].append(row)
        common = tuple(_common(column) for column in zip(*rows, strict=True))
        numbers = {
            use: Numbers((_first(row, used, use) for row in rows), grow=use is Use.ID)
            for use in (Use.ID, Use.TICKET)
        }
        reader = Reader(used, (), wish.region)
        made = cls(used, wish.domains, reader, rows, common, peers, numbers, (), ())
        made.styles = _common(list(filter(None, map(made.style, rows))))
        there = Counter(_domain(row, used) for row in rows)
        made.weights = tuple(there[domain.lower()] for domain in wish.domains)
        return made

    def style(self, row: Row) -> str:
        """Return the style of a row's local part. Empty: it has none."""
        local = _first(row, self.used, Use.EMAIL).rpartition("@")[0]
        return styles.style(local, *self._halves(row)) if local else ""

    def draft(self, random: Random, *, plain: bool = False) -> Row:
        """Return a row that looks like the others; ``plain``: with an address of our own style.

        Where the other one has a phone and this one could have none, another one is looked for.
        """
        made: Row = ()
        for _ in range(TRIES):
            like = random.choice(self.rows)
            made = self._made(like, random, plain=plain)
            if _first(made, self.used, Use.PHONE) or not _first(like, self.used, Use.PHONE):
                break
        return made

    def _made(self, like: Row, random: Random, *, plain: bool) -> Row:
        peers = self.peers[_first(like, self.used, Use.COUNTRY)]
        given, family = self._name(random, peers)
        cells = [random.choice(some) if some else "" for some in self.common]
        for use, numbers in self.used.numbers.items():
            for place, number in enumerate(numbers):
                # A second e-mail address or phone is rare enough to be left out.
                cells[number] = ""
                if not place:
                    cells[number] = self._cell(use, like[number], like, given, family, random, plain=plain)
        return tuple(cells)

    def _cell(
        self, use: Use, old: str, like: Row, given: str, family: str, random: Random, *, plain: bool
    ) -> str:
        """Return what stands in place of an old cell."""
        match use:
            case Use.ID | Use.TICKET:
                return self.numbers[use].another(old or self._some(use, random), random)
            case Use.EMAIL:
                return self._address(given, family, random, plain=plain)
            case Use.PHONE:
                return self._phone(old, like, random)
            case Use.NAME:
                whole = f"{family}, {given}" if "," in old else f"{given} {family}".strip()
                return family if Use.FIRST_NAME in self.used.numbers else whole
        return {Use.FIRST_NAME: given, Use.LAST_NAME: family}.get(use, old)

    def _address(self, given: str, family: str, random: Random, *, plain: bool) -> str:
        weights = self.weights if any(self.weights) else None
        (domain,) = random.choices(self.domains, weights)
        made = random.choice(self.styles) if self.styles and not plain else ""
        local = styles.styled(made, given, family, random)
        return f"{local}@{domain}" if local else address(given, family, domain, random)

    def _name(self, random: Random, peers: Sequence[Row]) -> tuple[str, str]:
        """Return the given name of one customer and the family name of another."""
        one, other = (self._halves(random.choice(peers)) for _ in range(2))
        return one[0] or other[0], other[1] or one[1]

    def _halves(self, row: Row) -> tuple[str, str]:
        if Use.NAME in self.used.numbers and Use.FIRST_NAME not in self.used.numbers:
            whole = _first(row, self.used, Use.NAME)
            family, comma, given = whole.partition(",")
            if comma:
                return given.strip(), family.strip()
            given, _, family = whole.strip().rpartition(" ")
            return given, family
        family = Use.LAST_NAME if Use.LAST_NAME in self.used.numbers else Use.NAME
        return _first(row, self.used, Use.FIRST_NAME), _first(row, self.used, family)

    def _some(self, use: Use, random: Random) -> str:
        return _first(random.choice(self.rows), self.used, use)

    def _phone(self, old: str, like: Row, random: Random) -> str:
        """Return a number from a range for fiction, spelt as the old one is, or nothing."""
        cells = tuple(like[number] for number in self.used.all)
        region = self.reader.region(cells)[1]
        try:
            known = phonenumbers.parse(old, region)
        except phonenumbers.NumberParseException:
            return ""
        region = phonenumbers.region_code_for_number(known) or region
        if region is None or region not in FICTION:
            return ""
        peers = self.peers[_first(like, self.used, Use.COUNTRY)]
        area = str(known.national_number)[:3]
        pattern = FICTION[region].replace("???", area if region in ("US", "CA") else "")
        number = re.sub("#", lambda _: random.choice("0123456789"), pattern)
        others = (_first(random.choice(peers), self.used, Use.PHONE) for _ in range(SPELLINGS))
        return spelt(number, old, *others)


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else "; ".join(cell)


def _first(row: Row, used: Columns, use: Use) -> str:
    return next((row[number].strip() for number in used.numbers.get(use, ())), "")


def _domain(row: Row, used: Columns) -> str:
    return _first(row, used, Use.EMAIL).rpartition("@")[2].lower()


def _common(column: Sequence[str]) -> tuple[str, ...]:
    """Return values, as often as they occur, that many rows share."""
    counts = Counter(column)
    least = max(3, COMMON * len(column))
    found = [value for value in column if counts[value] >= least]
    return tuple(found[:SAMPLED])


class Numbers:
    """The numbers in ids or tickets of the sample, by what stands around them."""

    def __init__(self, texts: Iterable[str], *, grow: bool = False) -> None:
        """Take them all. ``grow``: whether a number may get more digits than the known ones have."""
        self._grow = grow
        self._known: dict[tuple[str, int, str], list[int]] = defaultdict(list)
        for text in texts:
            if run := _longest(text):
                self._known[_around(text, run)].append(int(run[0]))

    def another(self, text: str, random: Random) -> str:
        """Return a text of the same shape, with a number from where the known ones lie or just behind."""
        if _UUID.fullmatch(text):
            return re.sub("[0-9a-fA-F]", lambda _: random.choice("0123456789abcdef"), text)
        run = _longest(text)
        if not run:
            return text
        known = self._known[_around(text, run)] or [int(run[0])]
        low, high = min(known), max(known)
        most = high + (high - low) // 5 + BEHIND
        most = most if self._grow else min(most, 10 ** len(run[0]) - 1)
        return f"{text[: run.start()]}{random.randint(low, most):0{len(run[0])}}{text[run.end() :]}"


def _longest(text: str) -> re.Match[str] | None:
    return max(_DIGITS.finditer(text), key=lambda run: (len(run[0]), run.start()), default=None)


def _around(text: str, run: re.Match[str]) -> tuple[str, int, str]:
    return text[: run.start()], len(run[0]), text[run.end() :]


def address(given: str, family: str, domain: str, random: Random) -> str:
    """Return an address that somebody of that name may have."""
    first, last = styles.plain(given), styles.plain(family)
    made = (
        f"{first}.{last}",
        f"{first}{last}",
        f"{first[:1]}.{last}",
        f"{last}.{first}",
        f"{first}_{last}",
    )
    local = random.choice(made).strip("._") or "mail"
    return f"{local}{random.randrange(10, 1000)}@{domain}"


def spelt(number: str, *likes: str) -> str:
    """Return an international number with the signs of the first of others into which its digits fit."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    plain = phonenumbers.national_significant_number(parsed)
    here, abroad = [_digits(text) for text in (national, plain)], [_digits(number)]
    for like in likes:
        wanted = len(_digits(like))
        for digits in abroad if like.strip().startswith("+") else here:
            if len(digits) == wanted:
                return _filled(like, digits)
    return number


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _filled(like: str, digits: str) -> str:
    rest = iter(digits)
    return re.sub(r"\d", lambda _: next(rest), like)


def _unknown(table: Table, used: Columns, drafts: Sequence[Row], progress: Progress) -> list[Row]:
    """Return the drafts of which nothing that identifies is anybody's in the table; new names come first."""
    marks = {draft: frozenset(_marks(draft, used)) for draft in drafts}
    wanted = frozenset[str]().union(*marks.values())
    taken: set[str] = set()
    width = len(table.columns)
    for row in table.rows(used.all, progress):
        if not isinstance(row, Broken):
            cells = [""] * width
            for number, cell in zip(used.all, row.cells, strict=True):
                cells[number] = _text(cell)
            taken.update(wanted.intersection(_marks(tuple(cells), used)))
    # The ranges for fiction are small: where all of their numbers are somebody's, a canary has none.
    emptied = [
        _without_phones(draft, used) if _has_phone(marks[draft] & taken) else draft for draft in drafts
    ]
    # Of them there would be more than in the table: they come behind those that are as they were made.
    emptied.sort(key=lambda draft: draft not in marks)
    marks = {draft: frozenset(_marks(draft, used)) for draft in _distinct(iter(emptied))}
    # A name that somebody bears is the second choice: by itself it identifies nobody anyway.
    free: dict[Row, None] = {}
    for strict in (True, False):
        for draft, mine in marks.items():
            telling = mine if strict else frozenset(mark for mark in mine if not mark.startswith(_NAME))
            if draft not in free and _tells(draft, used) and not telling & taken:
                free[draft] = None
                taken |= mine  # nor of another canary's
    return list(free)


def _has_phone(marks: frozenset[str]) -> bool:
    return any(mark.startswith(_PHONE) for mark in marks)


def _without_phones(row: Row, used: Columns) -> Row:
    phones = used.numbers.get(Use.PHONE, ())
    return tuple("" if number in phones else cell for number, cell in enumerate(row))


def _tells(row: Row, used: Columns) -> bool:
    """Whether anything in a row identifies."""
    return any(_first(row, used, use) for use in (Use.EMAIL, Use.TICKET, Use.PHONE))


def _marks(row: Row, used: Columns) -> Iterator[str]:
    """Yield what must be nobody else's, one spelling of each."""
    name = []
    for use, numbers in used.numbers.items():
        for number in numbers:
            text = row[number]
            if not text.strip() or use is Use.COUNTRY:
                continue
            if use in (Use.NAME, Use.FIRST_NAME, Use.LAST_NAME):
                name += names.tokens(text) if len(text) < NAME else []
            elif use is Use.PHONE:
                yield f"{_PHONE}{re.sub(r'[^0-9]', '', text)[-9:]}"
            else:
                for piece in islice(re.split(r"[;|,\s]+", text), 20):
                    yield f"{use} {''.join(filter(str.isalnum, piece)).casefold()}"
    if name:
        yield f"{_NAME}{' '.join(sorted(set(name)))}"
