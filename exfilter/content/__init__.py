"""Bytes to text: what a transfer carries, in parts that can be searched, and what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import size
from exfilter.content import http, parsed, registry
from exfilter.content.binary import STRINGS
from exfilter.content.budget import Budget, Item
from exfilter.limits import Limits
from exfilter.model import Expired, Part, Reason, Transfer, Unscanned, never

__all__ = ["read"]


def read(transfer: Transfer, limits: Limits, expired: Expired = never) -> Iterator[Item]:
    """Yield the parts of a transfer, and a value for everything that could not be read.

    Never raises, whatever the bytes. Long text comes in overlapping slices, escapes that were
    undone in parts of their own.
    """
    budget = Budget(limits, expired)
    done = 0
    try:
        for item in items(transfer, budget):
            yield item
            done = budget.position
    except Exception:  # noqa: BLE001
        # Fail closed: a mistake in a reader is content that was not read, not content that is clean.
        yield Unscanned(_place(transfer), Reason.MALFORMED, max(1, size(transfer.body) - done))
        return
    finally:
        budget.sandbox.close()
    if budget.late:
        yield Unscanned(_place(transfer), Reason.DEADLINE, max(1, size(transfer.body) - done))


def items(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    """Yield what `read` yields before the deadline, without its net for mistakes."""
    try:
        for item in _items(transfer, budget):
            if isinstance(item, Part) and STRINGS not in item.path:
                budget.passwords.hear(item.text)
            yield item
    finally:
        while budget.locked:
            budget.locked.pop().close()


def _items(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    if transfer.url or transfer.headers or transfer.method:
        yield from http.carriers(transfer, budget)
    if not budget.late:
        yield from http.body(transfer, budget)
    yield from registry.with_encoded(parsed.unlocked(budget), (), 0, budget)


def _place(transfer: Transfer) -> str:
    return transfer.name or http.BODY
