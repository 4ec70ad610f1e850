"""What may belong to a case: what the quarantine or the ledger knows. A name that is misspelt is nobody's."""

from __future__ import annotations

from exfilter.ledger.choosing import Choice, chosen
from exfilter.review.cases import MemberKind
from exfilter.review.desk import Desk

NOBODY = (
    "neither the ledger nor the quarantine knows an actor of this name: write it as the queue shows it, "
    "or as `exfilter ledger list` does"
)


def known(desk: Desk, kind: MemberKind, name: str) -> str:
    """Return the name of a member as it is kept. Raises Unknown for a transfer, ValueError for an actor."""
    short = name.strip()
    if kind is MemberKind.TRANSFER:
        return desk.quarantine.show(short).id
    if kind is MemberKind.ACTOR and not (_is_in_ledger(desk, short) or desk.quarantine.knows(short)):
        raise ValueError(NOBODY)
    return short


def _is_in_ledger(desk: Desk, actor: str) -> bool:
    """Whether he sent customers, or was shown any, under his name or his pseudonym. Looks into an index."""
    try:
        chosen(desk.ledger, Choice(actor=actor, viewed=None))
    except ValueError:
        return False
    return True
