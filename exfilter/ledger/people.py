"""Who is behind a pseudonym: for a reviewer who opens a case."""

from __future__ import annotations

from collections.abc import Sequence

import pyrage  # type: ignore[import-untyped, unused-ignore]
import sqlalchemy as sa

from exfilter.ledger import acts
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import people
from exfilter.who import names


def open_case(
    ledger: Ledger, pseudonym: str, identities: Sequence[pyrage.x25519.Identity], who: str, reason: str
) -> str:
    """Return the name of an actor. It is written down before it is told.

    Raises ValueError where the ledger knows no such pseudonym, or where the key does not open the name.
    """
    wanted = sa.select(people.c.name).where(people.c.pseudonym == pseudonym)
    with ledger.database.transaction() as connection:
        sealed = connection.execute(wanted).scalar_one_or_none()
    if sealed is None:
        msg = "the ledger knows no such pseudonym: see `exfilter ledger list` for those it knows"
        raise ValueError(msg)
    name = names.reveal(bytes(sealed), pseudonym, identities)
    acts.record(ledger, who, acts.CASE, [pseudonym], reason)
    return name
