"""Ticket numbers: the shapes that the index learnt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_letters, digits

from detectors import tickets
from detectors.tickets import Run
from exfilter.kernel.plain.candidate import Candidate, Text
from exfilter.kernel.plain.fields import next_field
from exfilter.kernel.plain.numbers import touches
from exfilter.kernel.tables import Tables

WIDE_GAP = 4
"""Characters between a prefix of letters and what follows: ``TM - 12345678``, ``"TM","12345678"``."""
LONGEST_RUN = 24
"""Digits of a number that is written with zeros in front."""
WIDE = frozenset(chr(code) for code in range(0x20, 0x7F)) - set(ascii_letters + digits) | {"\t"}
WITHIN = frozenset(" -./,_'")
"""May stand between any two digits behind a prefix of letters."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The runs to look for, for one shape."""

    shape: int
    runs: tuple[Run, ...]
    fewest: int
    """Digits that a number has at least without its leading zeros; those of the run where it has none."""

    @property
    def prefixed(self) -> bool:
        """Whether letters stand in front: then what follows them may be written in many ways."""
        return is_prefix(self.runs[0])


def is_prefix(run: Run) -> bool:
    """Whether a run is a prefix of letters."""
    return len(run.literal) > 1 and run.literal.isalpha()


def patterns(tables: Tables) -> tuple[Pattern, ...]:
    """Return what to look for: the templates, and the bare digits of each."""
    shapes = {shape.name: number for number, shape in enumerate(tables.shapes) if shape.keys}
    found = {}
    for template in tables.templates:
        bare = template.bare_digits
        name = tickets.bare_shape(bare)
        fewest = tables.fewest_digits[shapes[name]] if name in shapes else bare
        wanted = [(template.shape, template.runs)]
        if bare >= tickets.MIN_BARE_DIGITS:
            wanted.append((name, (Run("", bare, digits=True),)))
        found.update(
            {shape: Pattern(shapes[shape], runs, fewest) for shape, runs in wanted if shape in shapes}
        )
    return tuple(found.values())


def ticket_numbers(text: Text, tables: Tables) -> Iterator[Candidate]:
    """Yield what has one of the shapes."""
    starts = [
        at
        for at, character in enumerate(text.folded)
        if character.isascii() and character.isalnum() and not touches(text.folded, at - 1)
    ]
    for pattern in patterns(tables):
        for start in starts:
            found = _match(text.folded, start, pattern)
            if found is not None:
                end, form = found
                yield Candidate(pattern.shape, start, end, form.upper().encode(), column=text.column(start))


def _match(folded: str, start: int, pattern: Pattern) -> tuple[int, str] | None:
    """Return where a number that begins here ends, and its canonical form in lower case."""
    at, form = start, ""
    for number, run in enumerate(pattern.runs):
        if number:
            at = _behind_gap(folded, at, run, wide=is_prefix(pattern.runs[number - 1]))
        last = number + 1 == len(pattern.runs)
        found = _take(folded, at, run, spaced=number > 0 and pattern.prefixed)
        if last and run.digits and not run.literal and (found is None or touches(folded, found[0])):
            found = _with_zeros(folded, at, run, pattern)
        if found is None:
            return None
        at, piece = found
        form += piece
    return None if touches(folded, at) else (at, form)


def _behind_gap(folded: str, end: int, run: Run, *, wide: bool) -> int:
    """Return where the next run begins, if there is one."""
    at, most = end, WIDE_GAP if wide else tickets.MAX_SEPARATORS
    within = WIDE if wide else tickets.SEPARATORS
    while at < min(len(folded), end + most) and folded[at] in within:
        at += 1
    if wide and not (at < len(folded) and _begins(folded[at], run)):
        return max(at, next_field(folded, end))
    return at


def _begins(character: str, run: Run) -> bool:
    return character == run.literal[0] if run.literal else _is_of(character, run)


def _is_of(character: str, run: Run) -> bool:
    return character.isascii() and (character.isdigit() if run.digits else character.isalnum())


def _take(folded: str, start: int, run: Run, *, spaced: bool) -> tuple[int, str] | None:
    """Return where the run that begins here ends, and its characters."""
    if run.literal:
        return (start + run.length, run.literal) if folded.startswith(run.literal, start) else None
    at, taken = start, ""
    while len(taken) < run.length:
        if spaced and run.digits and taken and folded[at : at + 1] in WITHIN:
            at += 1
        if not (at < len(folded) and _is_of(folded[at], run)):
            return None
        taken += folded[at]
        at += 1
    return at, taken


def _with_zeros(folded: str, start: int, run: Run, pattern: Pattern) -> tuple[int, str] | None:
    """Read a number that has lost its leading zeros or, behind a prefix, has more of them."""
    end = start
    while end < len(folded) and _is_of(folded[end], run):
        end += 1
    written = folded[start:end]
    told = len(written.lstrip("0"))
    if pattern.prefixed:
        fits = len(written) <= LONGEST_RUN and 0 < pattern.fewest <= told <= run.length
    else:
        fits = len(pattern.runs) == 1 and pattern.fewest <= len(written) < run.length
    return (end, written.lstrip("0").zfill(run.length)) if fits else None
