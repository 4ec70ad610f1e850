"""What people do with accounts, as it stands among the acts of the ledger."""

from __future__ import annotations

from collections.abc import Callable

from exfilter.ledger import Ledger, acts
from exfilter.review.foreign import told

LOG_IN, FAILED, LOG_OUT = "log in", "failed log-in", "log out"
ADD, ROLE, PASSWORD = "add account", "change role", "change password"
DISABLE, ENABLE = "disable account", "enable account"
TOKEN, REVOKE = "add token", "revoke token"

Record = Callable[[str, str, str, str], None]
"""Write down who, act, subject, reason. Raises OSError: then nothing may happen."""
STRANGER = "(unknown)"
"""A name that is no account's is not kept: people type passwords into the wrong field."""
ISSUER = "(OpenID Connect)"
"""Who changes accounts where the company's log-in says so."""
NOT_DONE = "not done: "


def recording(ledger: Ledger) -> Record:
    """Return what writes into a ledger."""
    return lambda who, act, subject, reason: acts.record(ledger, who, act, [subject], reason)


def doing[T](record: Record, who: str, act: str, subject: str, reason: str, action: Callable[[], T]) -> T:
    """Write down what is done, then do it: nothing happens unrecorded. A refusal is written down as well."""
    record(who, act, subject, reason)
    try:
        return action()
    except ValueError as refused:
        record(who, act, subject, f"{NOT_DONE}{told(refused)}")
        raise
