"""Names of which given and family name stand in two fields of a record that are not beside each other.

Which fields those are, the records tell together: given names are most common as such, and so are
family names, and both change from record to record. Two fields of either kind are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from detectors import names
from exfilter.kernel.plain.candidate import Candidate, Text
from exfilter.kernel.plain.fields import closes, opens
from exfilter.kernel.plain.token import Token, commonness
from exfilter.kernel.tables import APART, NAME, NAME_LOWER

FEWEST = 3
"""Records in which a field must hold such a name."""
FARTHEST = 2048
"""Characters from the one to the other."""
LONGEST_FORM = 32
"""Bytes."""
TRIED = 2
"""Fields of either kind."""

_Fields = dict[int, Token]
"""By column: the token that the field of one record begins or ends with."""


@dataclass
class _Column:
    """What a field is over all records."""

    lean: int = 0
    records: int = 0
    """In which it leans as it should, and differs from the one before."""
    last: str = ""

    def add(self, token: Token, sign: int) -> None:
        """Take the field of one more record."""
        if token.form != self.last:
            self.lean += sign * token.lean
            self.records += sign * token.lean > 0
            self.last = token.form


def pairs_apart(tokens: Sequence[Token], mates: Mapping[int, int], text: Text) -> Iterator[Candidate]:
    """Yield the names, record by record.

    ``tokens``: that the index knows. ``mates``: by the start of a token, that of the one it stands in a
    name with.
    """
    if text.records is None:
        return
    edging = [token for token in tokens if len(token.form.encode("utf-8", "surrogatepass")) <= LONGEST_FORM]
    opening = _by_record([token for token in edging if opens(text.folded, token.start)], text)
    closing = _by_record([token for token in edging if closes(text.folded, token.end)], text)
    given, family = _best(opening, 1), _best(closing, -1)
    for record in sorted(opening.keys() & closing.keys()):
        found = list[Candidate]()
        for one, first in enumerate(given):
            for other, last in enumerate(family):
                if first in opening[record] and last in closing[record] and first != last:
                    pair = opening[record][first], closing[record][last]
                    found += _named(*pair, mates, APART + TRIED * one + other)
        yield from sorted(found, key=lambda candidate: (candidate.start, candidate.column))


def _by_record(tokens: Sequence[Token], text: Text) -> dict[int, _Fields]:
    """Return the last of these tokens in each field, by record and column."""
    found: dict[int, _Fields] = {}
    for token in tokens:
        found.setdefault(token.record, {})[text.column(token.start)] = token
    return found


def _best(fields: Mapping[int, _Fields], sign: int) -> list[int]:
    """Return the columns that lean most. ``sign``: 1 to given names, -1 to family names."""
    columns: dict[int, _Column] = {}
    for record in sorted(fields):
        for number, token in fields[record].items():
            columns.setdefault(number, _Column()).add(token, sign)
    fit = [number for number, each in columns.items() if each.records >= FEWEST and each.lean > 0]
    return sorted(fit, key=lambda number: (-columns[number].lean, number))[:TRIED]


def _named(first: Token, last: Token, mates: Mapping[int, int], column: int) -> Iterator[Candidate]:
    common = commonness(first.role, last.role)
    start, end = min(first.start, last.start), max(first.end, last.end)
    stands = mates.get(first.start) == last.start
    if not common or stands or end - start > FARTHEST:
        return
    shape = NAME if first.capital and last.capital else NAME_LOWER
    yield Candidate(shape, start, end, names.pair(first.form, last.form), common, column)
