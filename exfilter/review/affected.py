"""The customers of a case: of its transfers and of all that its actors sent, each once, by customer_id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from exfilter.index import keys
from exfilter.index.store import Index
from exfilter.ledger import Ledger
from exfilter.ledger.choosing import READERS, SENDERS, Choice, Chosen, chosen, names
from exfilter.ledger.exposed import Stretch, customers, exposed
from exfilter.ledger.sets import bitmap
from exfilter.review.cases import Case, MemberKind
from exfilter.settings import Settings

SENT, HELD = "sent", "held and never sent"
STRETCH = 4096


@dataclass(slots=True)
class _Known:
    """What is known of one customer while all are read."""

    identified: bool = False
    sent: bool = False
    first: float = float("inf")
    last: float = float("-inf")
    fields: set[str] = field(default_factory=set)
    destinations: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Row:
    """One customer."""

    customer_id: str
    certainty: str
    """identified, or possible: behind an estimate only."""
    state: str
    fields: tuple[str, ...]
    first: str
    """UTC, ISO 8601."""
    last: str
    destinations: tuple[str, ...]
    country: str


@dataclass(frozen=True, slots=True)
class Affected:
    """All of them, sent before held, by customer_id."""

    rows: tuple[Row, ...]
    unknown: tuple[str, ...]
    """Members of whom the ledger knows nothing."""

    def count(self, state: str, certainty: str) -> int:
        """Return how many are so."""
        return sum(row.state == state and row.certainty == certainty for row in self.rows)


def affected(given: Settings, ledger: Ledger, case: Case) -> Affected:
    """List the customers. Canaries are nobody. Raises OSError or ValueError without the index."""
    index = Index.open(given.index, keys.load(given.index_key))
    found, missing = dict[int, _Known](), list[str]()
    for name, of in _chosen(ledger, case):
        if of is None or not _read(ledger, of, found):
            missing.append(name)
    for canary in bitmap(index.planted.ordinals):
        found.pop(canary, None)
    if found and max(found) >= index.ordinals:
        msg = "the ledger has customers that the index does not have: restore the index of that time"
        raise ValueError(msg)
    rows = sorted(_rows(ledger, index, found), key=lambda row: (row.state != SENT, row.customer_id))
    return Affected(tuple(rows), tuple(missing))


def _chosen(ledger: Ledger, case: Case) -> Iterator[tuple[str, Chosen | None]]:
    for transfer in case.named(MemberKind.TRANSFER):
        yield transfer, Chosen(kinds=SENDERS + READERS, transfer=transfer)
    for actor in case.named(MemberKind.ACTOR):
        try:
            yield actor, chosen(ledger, Choice(actor=actor))
        except ValueError:
            yield actor, None


def _read(ledger: Ledger, of: Chosen, found: dict[int, _Known]) -> bool:
    """Take in who was sent, and who was held. Return whether the ledger knows of any such transfer."""
    seen = False
    for sent in (True, False):
        some = exposed(ledger.database, of, sent=sent)
        seen = seen or bool(some.transfers)
        for stretch in customers(ledger.database, of, some, sent=sent):
            _add(found, stretch, sent=sent)
    return seen


def _add(found: dict[int, _Known], stretch: Stretch, *, sent: bool) -> None:
    for place, ordinal in enumerate(stretch.ordinals.tolist()):
        known = found.setdefault(ordinal, _Known())
        known.identified |= bool(stretch.identified[place])
        known.sent |= sent
        known.first = min(known.first, float(stretch.first[place]))
        known.last = max(known.last, float(stretch.last[place]))
        known.fields.update(stretch.fields[place])
        known.destinations.update(stretch.destinations[place])


def _rows(ledger: Ledger, index: Index, found: dict[int, _Known]) -> Iterator[Row]:
    everywhere = set[int]().union(*(each.destinations for each in found.values()))
    places = names(ledger.database, sorted(everywhere))
    ordinals = np.array(sorted(found), dtype=np.int64)
    for start in range(0, len(ordinals), STRETCH):
        some = ordinals[start : start + STRETCH]
        told = zip(some.tolist(), index.customer_ids(some), index.countries(some), strict=True)
        for ordinal, customer_id, country in told:
            yield _row(customer_id, country, found[ordinal], places)


def _row(customer_id: str, country: str, known: _Known, places: dict[int, str]) -> Row:
    return Row(
        customer_id,
        "identified" if known.identified else "possible",
        SENT if known.sent else HELD,
        tuple(sorted(known.fields)),
        _moment(known.first),
        _moment(known.last),
        tuple(sorted(places[number] for number in known.destinations)),
        country,
    )


def _moment(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
