"""The list of affected customers, as ``exfilter exposure`` tells it: rows and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exfilter.cli.formats.rows import Cell, moment
from exfilter.ledger import choosing, exposed
from exfilter.ledger.exposed import Exposed, Stretch
from exfilter.ledger.sets import bitmap, ordinals

if TYPE_CHECKING:
    from pyroaring import BitMap

    from exfilter.index.store import Index
    from exfilter.ledger import Ledger
    from exfilter.ledger.choosing import Chosen

COLUMNS = (
    *("customer_id", "certainty", "state", "fields", "first", "last"),
    *("destinations", "transfers", "country"),
)
IDENTIFIED, POSSIBLE = "identified", "possible"
SENT, HELD, VIEWED = "sent", "held", "viewed"
WORDS = {SENT: "sent", HELD: "held and never sent", VIEWED: "shown by internal hosts, not sent"}
"""What became of a part, in a sentence."""


@dataclass(frozen=True, slots=True)
class Part:
    """Customers of what was sent, or of what was held and never left."""

    state: str
    found: Exposed
    names: dict[int, str]
    """Of the destinations, by number."""


@dataclass(frozen=True, slots=True)
class Count:
    """Customers of one country, or with one field."""

    name: str
    identified: int
    possible: int


@dataclass(frozen=True, slots=True)
class Affected:
    """All that was asked for."""

    ledger: Ledger
    index: Index
    of: Chosen
    parts: tuple[Part, ...]

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Yield a row for each customer, as ``COLUMNS``: those of what was sent first."""
        for part in self.parts:
            sent = part.state != HELD
            for some in exposed.customers(self.ledger.database, self.of, part.found, sent=sent):
                yield from self._told(part, some)

    def _told(self, part: Part, some: Stretch) -> Iterator[tuple[Cell, ...]]:
        ids, countries = self.index.customer_ids(some.ordinals), self.index.countries(some.ordinals)
        for place, customer_id in enumerate(ids):
            yield (
                customer_id,
                IDENTIFIED if some.identified[place] else POSSIBLE,
                part.state,
                some.fields[place],
                moment(some.first[place]),
                moment(some.last[place]),
                tuple(sorted(part.names[number] for number in some.destinations[place])),
                int(some.transfers[place]),
                countries[place],
            )

    def by_country(self, part: Part) -> list[Count]:
        """Return the customers of each country, most first. The empty one: not known."""
        sure, maybe = (self._countries(of) for of in (part.found.who.identified, part.found.possible))
        counts = [Count(name, sure[name], maybe[name]) for name in sure | maybe]
        return sorted(counts, key=lambda each: (-each.identified, -each.possible, each.name))

    def _countries(self, of: BitMap) -> Counter[str]:
        found, numbers = Counter[str](), ordinals(of)
        for start in range(0, len(numbers), exposed.STRETCH):
            found.update(self.index.countries(numbers[start : start + exposed.STRETCH]))
        return found


def affected(
    ledger: Ledger, index: Index, of: Chosen, *, held: bool = False, viewed: bool = False
) -> Affected:
    """Look everything up. ``viewed``: it is a choice of what was shown.

    Canaries are nobody, and left out. Raises ValueError where the index is not that of the ledger.
    """
    canaries = bitmap(index.planted.ordinals)
    parts = [_part(ledger, of, VIEWED if viewed else SENT, canaries)]
    if held:
        parts.append(_part(ledger, of, HELD, parts[0].found.everybody | canaries))
    last = max((part.found.everybody.max() for part in parts if part.found.everybody), default=-1)
    if last >= index.ordinals:
        msg = (
            "the ledger has customers that the index does not have: it was built with --fresh, or of another "
            "table; restore the index of that time"
        )
        raise ValueError(msg)
    return Affected(ledger, index, of, tuple(parts))


def _part(ledger: Ledger, of: Chosen, state: str, but: BitMap) -> Part:
    found = exposed.exposed(ledger.database, of, sent=state != HELD, but=but)
    return Part(state, found, choosing.names(ledger.database, sorted(found.destinations)))


def by_field(part: Part) -> list[Count]:
    """Return the customers with each field, most first."""
    who, possible = part.found.who, part.found.possible
    counts = [
        Count(name, each.intersection_cardinality(who.identified), each.intersection_cardinality(possible))
        for name, each in part.found.fields.items()
    ]
    found = [each for each in counts if each.identified or each.possible]
    return sorted(found, key=lambda each: (-each.identified, -each.possible, each.name))
