"""SARIF 2.1.0 (OASIS): one result a file with customers, what was not read as notifications.

The results are written as they come, so that a scan of any size takes little memory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from exfilter import __version__
from exfilter.cli.formats import Result, Wishes
from exfilter.model import Action, Unscanned

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Action.ALLOW: "note", Action.ALERT: "warning", Action.QUARANTINE: "error", Action.BLOCK: "error"}


def uri(path: str) -> str:
    """Return a path as a URI reference (RFC 3986): relative below the working folder, else ``file:``."""
    if not Path(path).is_absolute():
        return quote(os.fsencode(os.path.normpath(path)))
    below = os.path.relpath(path)
    return Path(path).as_uri() if below.startswith(os.pardir) else quote(os.fsencode(below))


def _location(path: str) -> list[dict[str, Any]]:
    return [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}}}]


def as_result(result: Result) -> dict[str, Any]:
    """Return one SARIF result. The message has numbers only; the places are in the properties."""
    noun = "customer" if result.customers == 1 else "customers"
    message = (
        f"{result.customers} {noun} ({result.identified} identified, {result.estimated} estimated): "
        f"{result.action.name.lower()}"
    )
    return {
        "ruleId": result.rule,
        "level": LEVELS[result.action],
        "message": {"text": message},
        "locations": _location(result.path),
        "properties": {
            "verdict": result.action.name.lower(),
            "customers": result.customers,
            "identified": result.identified,
            "estimated": result.estimated,
            "fields": dict(result.fields),
            "exhibits": [{"part": seen.part, "kind": seen.kind, "text": seen.text} for seen in result.seen],
        },
    }


def as_notification(path: str, item: Unscanned) -> dict[str, Any]:
    """Return what could not be read as a notification of the tool."""
    return {
        "descriptor": {"id": f"unscanned/{item.reason.value}"},
        "level": "error",
        "message": {"text": f"{item.part}: {item.reason.value}, {item.bytes} bytes were not read"},
        "locations": _location(path),
    }


class Sarif:
    """Writes one log with one run."""

    def __init__(self, out: TextIO, wishes: Wishes) -> None:
        del wishes  # the exhibits are clear or masked already; SARIF has no place for weights
        self._out = out
        self._rules: dict[str, None] = {}
        self._notifications: list[dict[str, Any]] = []
        self._separator = ""
        out.write(f'{{"$schema": {json.dumps(SCHEMA)}, "version": "2.1.0", "runs": [{{"results": [')

    def add(self, result: Result) -> None:
        """Write a result where there are customers or the policy objects."""
        self._notifications += [as_notification(result.path, item) for item in result.unscanned]
        if result.customers or result.held:
            self._rules[result.rule] = None
            self._out.write(f"{self._separator}\n{json.dumps(as_result(result))}")
            self._separator = ","

    def end(self) -> None:
        """Write the tool with the rules that spoke, and the invocation with its notifications."""
        driver = {
            "name": "exfilter",
            "version": __version__,
            "rules": [{"id": name} for name in self._rules],
        }
        invocation = {
            "executionSuccessful": not self._notifications,
            "toolExecutionNotifications": self._notifications,
        }
        self._out.write(
            f'], "tool": {json.dumps({"driver": driver})}, "invocations": [{json.dumps(invocation)}], '
            '"columnKind": "unicodeCodePoints"}]}\n'
        )
        self._out.flush()
