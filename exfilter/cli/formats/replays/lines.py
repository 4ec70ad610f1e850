"""JSON lines: one object a transfer, as soon as it is decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from exfilter.cli.formats.replays import costs, moment

if TYPE_CHECKING:
    from exfilter.replaying.decisions import Decision, Gap
    from exfilter.replaying.side import Decided
    from exfilter.replaying.tallies import Party, Tallies

FIELDS = ("name", "email", "ticket", "phone")
MOST = 1000
"""Actors that are listed in the object of a difference."""


class LinesFormat:
    """Prints at once."""

    def __init__(self, out: TextIO, *, is_diff: bool) -> None:
        self._out = out
        self._is_diff = is_diff

    def add(self, decision: Decision) -> None:
        """Print one object."""
        line = as_object(decision)
        if self._is_diff:
            line |= {"after": _side(decision.after), "changed": decision.is_changed}
        self._write(line)

    def gap(self, gap: Gap) -> None:
        """Leave it to standard error: no verdict was made."""

    def end(self, tallies: Tallies) -> None:
        """Print what differs in all, in a last object."""
        if self._is_diff:
            self._write({"difference": difference(tallies)})

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


def as_object(decision: Decision) -> dict[str, Any]:
    """Return the line of a transfer: the keys of a scan, and who, where and when."""
    verdict = decision.now.verdict
    found, shown = verdict.findings, verdict.shown
    return {
        "path": decision.path,
        "flow": decision.captured.flow,
        "time": moment(decision.time),
        "actor": shown.actor,
        "destination": shown.destination,
        "method": shown.method,
        "verdict": verdict.action.name.lower(),
        "rule": verdict.rule,
        "customers": found.customers,
        "identified": len(found.identified),
        "estimated": found.estimated,
        "customer_ids": list(decision.customer_ids),
        "estimated_ids": list(decision.estimated_ids),
        "fields": {name: found.fields.get(name, 0) for name in FIELDS},
        "unscanned": [
            {"part": item.part, "reason": item.reason.value, "bytes": item.bytes} for item in found.unscanned
        ],
        "bytes": found.bytes,
    }


def _side(of: Decided) -> dict[str, Any]:
    verdict = of.verdict
    return {
        "verdict": verdict.action.name.lower(),
        "rule": verdict.rule,
        "customers": verdict.findings.customers,
    }


def difference(tallies: Tallies) -> dict[str, Any]:
    """Return what differs in all."""
    total = tallies.total()
    return {
        "transfers": total.get("transfers", 0),
        "changed": total.get("changed", 0),
        "costs": [
            dict(zip(("what", "now", "after"), row, strict=True)) for row in costs(total, is_diff=True)
        ],
        "actors": [_actor(each) for each in tallies.moved(MOST)],
    }


def _cost(what: str, now: int, after: int | None) -> dict[str, Any]:
    return {"what": what, "now": now, "after": after}


def _actor(each: Party) -> dict[str, Any]:
    return {
        "actor": each.name,
        "held": each.held,
        "held_after": each.held_after,
        "first": moment(each.first) if each.first is not None else None,
        "first_after": moment(each.first_after) if each.first_after is not None else None,
    }
