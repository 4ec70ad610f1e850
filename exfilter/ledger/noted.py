"""Rows of what was done, as ``acts`` lists them: written in the transaction in which it is done."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from exfilter.ledger.tables import acts

NAME_LIMIT = 255
"""Characters of a name that are kept: a sender does not choose how long a row is."""
REASON_LIMIT = 1000


def note(
    connection: sa.Connection, when: float, who: str, act: str, subjects: Iterable[str], reason: str
) -> None:
    """Write down who did what, a row for each subject."""
    texts = {"who": one_line(who, NAME_LIMIT), "act": act, "reason": one_line(reason, REASON_LIMIT)}
    rows = [{"time": when, "subject": one_line(subject, REASON_LIMIT), **texts} for subject in subjects]
    connection.execute(sa.insert(acts), rows)


def one_line(text: str, limit: int | None = None) -> str:
    """Return a text that cannot begin a line of its own, and can be stored."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:limit]
