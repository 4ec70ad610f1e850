"""Who sent whom: every transfer that carried customers, counted over days by actor, group and destination."""

from exfilter.ledger.opening import open_ledger
from exfilter.ledger.store import Entry, Ledger

__all__ = ["Entry", "Ledger", "open_ledger"]
