"""Where else the customers of a held transfer went, and who sent them."""

from __future__ import annotations

from dataclasses import dataclass

from exfilter.ledger import Ledger
from exfilter.ledger.choosing import READERS, SENDERS, Chosen
from exfilter.ledger.exposed import exposed
from exfilter.ledger.others import Other, others

MOST = 50


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The same customers in other hands."""

    customers: int
    """Of the transfer, identified, as far as the ledger still knows."""
    possible: int
    """Behind its estimates only."""
    others: tuple[Other, ...]
    """Actors and destinations, most of these customers first; not those of the transfer itself."""


def elsewhere(ledger: Ledger, transfer_id: str) -> Elsewhere:
    """Look for them in everything that was sent."""
    of = Chosen(kinds=SENDERS + READERS, transfer=transfer_id)
    found = [exposed(ledger.database, of, sent=sent) for sent in (True, False)]
    who = found[0].who.with_(found[1].who)
    everybody = who.identified | who.behind
    itself = set[int]().union(*(each.actors | each.destinations.keys() for each in found))
    seen = others(ledger.database, everybody, itself, MOST) if everybody else []
    return Elsewhere(len(who.identified), len(who.behind - who.identified), tuple(seen))
