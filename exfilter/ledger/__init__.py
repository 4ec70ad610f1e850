"""Who sent whom: every transfer that carried customers, counted over days by actor, group and destination."""

from exfilter.ledger.opening import open_ledger, open_outbox
from exfilter.ledger.outbox import Listed, Outbox, Waiting
from exfilter.ledger.store import Entry, Ledger
from exfilter.ledger.suspensions import Suspension

__all__ = ["Entry", "Ledger", "Listed", "Outbox", "Suspension", "Waiting", "open_ledger", "open_outbox"]
