"""Support-ticket numbers, and any other identifier that a company hands out in a fixed shape.

The shapes are learnt from the customer table: runs of letters and digits, separators dropped,
constant runs kept as they are (``TM-99999999``, ``1-999999999``). Canonical: upper case without
separators. Where a shape has a prefix, its digits alone are a second, weaker key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from detectors import Key
from detectors.folding import fold
from exfilter.model import Kind

MAX_TEMPLATES = 64
MIN_BARE_DIGITS = 5
"""Shorter digits without their prefix say nothing."""
SEPARATORS = " -_./:#"
MAX_SEPARATORS = 2
"""Between two runs of one identifier."""

SAME = (
    ("TM-12345678", "tm-12345678", "TM 12345678", "TM12345678", "TM_12345678", "TM#12345678", "#12345678"),
    ("TM-12345678", "TM/1234 5678", "tm - 12345678", "TM: 12,345,678", "TM 1 2 3 4 5 6 7 8", "TM-0012345678"),
    ("TM-12345678", "12,345,678", "12'345'678", "12 345 678", "1 2 3 4 5 6 7 8", "1.2345678E+07"),
    ("TM-00045678", "45678", "TM45678", "TM-45678", "00045678"),
)
LOOKALIKES = (
    ("TM-12345678", "TM-12345679"),
    ("TM-12345678", "ATM12345678"),
    ("TM-12345678", "TM-123456780"),
    ("TM-12345678", "TM-12345678B"),
    ("TM-12345678", "912345678"),
    ("TM-12345678", "1234 5678"),
    ("TM-12345678", "TM-1234  5678"),
    ("TM-12345678", "12,34,56,78"),
    ("TM-12345678", "2345678"),
    ("TM-00045678", "5678"),
)

_RUNS = re.compile(r"[a-z]+|[0-9]+")
_GROUPS = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of one identifier: ``literal`` as it stands, or ``length`` characters of a class."""

    literal: str
    """Lower case. Empty: any characters of the class."""
    length: int
    digits: bool
    """Digits only; otherwise letters and digits."""

    @property
    def space(self) -> float:
        """How many values the run can take."""
        # A cell may be a page of digits: a larger power may be no float, and this one is never met by chance.
        length = min(self.length, 150)
        return 1.0 if self.literal else (10.0 if self.digits else 36.0) ** length

    def __str__(self) -> str:
        return self.literal.upper() or ("9" if self.digits else "X") * self.length


@dataclass(frozen=True, slots=True)
class Template:
    """The shape of a company's ticket numbers."""

    runs: tuple[Run, ...]

    @property
    def shape(self) -> str:
        """The shape's name: ``TM-99999999``; ``digits 8`` where there is nothing but digits."""
        bare = self.bare_digits
        if len(self.runs) == 1 and bare:
            return bare_shape(bare)
        return "-".join(map(str, self.runs))

    @property
    def space(self) -> float:
        """How many values the shape can take."""
        space = 1.0
        for run in self.runs:
            space *= run.space
        return space

    @property
    def bare_digits(self) -> int:
        """Length of the digits that stand for it without a prefix; 0: the shape has none."""
        free = [run for run in self.runs if not run.literal]
        return free[0].length if len(free) == 1 and free[0].digits else 0

    def match(self, runs: tuple[str, ...]) -> bool:
        """Whether the runs of a folded value have this shape."""
        if sum(map(len, runs)) != sum(run.length for run in self.runs):
            return False
        text, at = "".join(runs), 0
        for run in self.runs:
            piece = text[at : at + run.length]
            at += run.length
            if (run.literal and piece != run.literal) or (run.digits and not piece.isdigit()):
                return False
        return True


def bare_shape(length: int) -> str:
    """Return the name of the shape of ``length`` digits that stand alone."""
    return f"digits {length}"


def _split(cell: str) -> tuple[str, ...]:
    return tuple(_RUNS.findall(fold(cell)))


def learn(cells: Iterable[str]) -> tuple[Template, ...]:
    """Return the shapes of the ticket numbers in ``cells``, the most frequent first."""
    counts: Counter[tuple[Run, ...]] = Counter()
    groups: Counter[tuple[Run, ...]] = Counter()
    constants: dict[tuple[Run, ...], list[set[str]]] = {}
    for cell in cells:
        pieces = _split(cell)
        if not pieces:
            continue
        runs = tuple(_run(piece) for piece in pieces)
        counts[runs] += 1
        groups[tuple(Run("", len(group), digits=False) for group in _GROUPS.findall(fold(cell)))] += 1
        seen = constants.setdefault(runs, [set() for _ in runs])
        for values, piece in zip(seen, pieces, strict=True):
            if len(values) < 2:  # two are enough to know that it varies
                values.add(piece)
    if len(counts) > MAX_TEMPLATES:
        counts = _generalise(counts, groups)
    ranked = sorted(counts, key=lambda runs: (-counts[runs], str(runs)))
    found = [_with_constants(runs, counts[runs], constants.get(runs)) for runs in ranked]
    return tuple(dict.fromkeys(found))[:MAX_TEMPLATES]


def _run(piece: str) -> Run:
    digits = piece.isdigit()
    return Run("" if digits else piece, len(piece), digits)


def _generalise(
    counts: Counter[tuple[Run, ...]], groups: Counter[tuple[Run, ...]]
) -> Counter[tuple[Run, ...]]:
    """Give up literals: random letters are no prefix. Then give up which is a letter, but no separator."""
    by_runs: Counter[tuple[Run, ...]] = Counter()
    for runs, count in counts.items():
        by_runs[tuple(Run("", run.length, run.digits) for run in runs)] += count
    return by_runs if len(by_runs) <= MAX_TEMPLATES else groups


def _with_constants(runs: tuple[Run, ...], count: int, values: list[set[str]] | None) -> Template:
    """Turn a short run of digits that never changes into a literal."""
    enough, short = 20, 4
    if values is None or count < enough or len(runs) == 1:
        return Template(runs)
    return Template(
        tuple(
            Run(next(iter(seen)), run.length, run.digits) if len(seen) == 1 and run.length <= short else run
            for run, seen in zip(runs, values, strict=True)
        )
    )


def keys(cell: str, templates: Iterable[Template]) -> tuple[Key, ...]:
    """Return the keys of one table cell; empty where it has none of the shapes."""
    runs = _split(cell)
    if not runs:
        return ()
    for template in templates:
        if template.match(runs):
            return tuple(_keys(template, "".join(runs)))
    return ()


def _keys(template: Template, text: str) -> Iterator[Key]:
    yield Key(Kind.TICKET, template.shape, text.upper().encode())
    bare = template.bare_digits
    if bare >= MIN_BARE_DIGITS and len(template.runs) > 1:
        yield Key(Kind.TICKET, bare_shape(bare), bare_part(template, text).encode())


def bare_part(template: Template, text: str) -> str:
    """Return the digits of a value of this shape that are not its prefix or suffix."""
    at = 0
    for run in template.runs:
        if not run.literal:
            return text[at : at + run.length]
        at += run.length
    return ""
