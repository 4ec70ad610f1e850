"""JSON lines: one object a file, with keys that do not change."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TextIO

from exfilter.cli.formats import Result, Wishes

FIELDS = ("name", "email", "ticket", "phone")


def as_object(result: Result, wishes: Wishes) -> dict[str, Any]:
    """Return the contract's object. What is printed on request comes after its keys."""
    shown: dict[str, Any] = {
        "path": result.path,
        "verdict": result.action.name.lower(),
        "customers": result.customers,
        "identified": result.identified,
        "estimated": result.estimated,
        "customer_ids": list(result.customer_ids),
        "estimated_ids": list(result.estimated_ids),
        "fields": {name: result.fields.get(name, 0) for name in FIELDS},
        "unscanned": [
            {"part": item.part, "reason": item.reason.value, "bytes": item.bytes} for item in result.unscanned
        ],
        "bytes": result.bytes,
        "seconds": round(result.seconds, 6),
    }
    if wishes.explain:
        shown["rule"] = result.rule
        shown["reason"] = result.reason
        shown["canaries"] = dict(result.canaries)
        shown["judgements"] = [asdict(judgement) for judgement in result.judgements]
        shown["explained"] = [asdict(weighed) for weighed in result.weighed]
    if wishes.reveal:
        shown["exhibits"] = [asdict(seen) for seen in result.seen]
    return shown


class JsonLines:
    """Writes each result at once."""

    def __init__(self, out: TextIO, wishes: Wishes) -> None:
        self._out = out
        self._wishes = wishes

    def add(self, result: Result) -> None:
        """Write one line. Escaped to ASCII, so that any terminal, locale or file name will do."""
        self._out.write(json.dumps(as_object(result, self._wishes), allow_nan=False) + "\n")
        self._out.flush()

    def end(self) -> None:
        """Nothing is left to write."""
