"""From each schema of the ledger to the next one, on a ledger that is in use."""

from __future__ import annotations

import sqlalchemy as sa

from exfilter.ledger.tables import other_ids


def _other_ids(connection: sa.Connection) -> None:
    other_ids.create(connection)


STEPS = (_other_ids,)
"""The first one takes schema 1 to 2."""
