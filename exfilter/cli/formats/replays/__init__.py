"""What a replay prints, one module a format."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from exfilter.replaying.decisions import Decision, Gap
    from exfilter.replaying.tallies import Tallies


class Format(Protocol):
    """Prints decisions as they come."""

    def add(self, decision: Decision) -> None:
        """Take the next decision, in the order of the captures."""

    def gap(self, gap: Gap) -> None:
        """Take a place that could not be read."""

    def end(self, tallies: Tallies) -> None:
        """Finish the output: everything has been added."""


def moment(seconds: float | None) -> str:
    """Return a time as ISO 8601, UTC. Empty for one that no calendar has."""
    try:
        return dt.datetime.fromtimestamp(seconds or 0.0, dt.UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def brief(seconds: float | None) -> str:
    """Return a time for people; a dash where there is none."""
    return moment(seconds)[:19].replace("T", " ") if seconds is not None else "-"


def costs(total: dict[str, int], *, is_diff: bool) -> list[tuple[str, int, int | None]]:
    """Return what the rules cost: a label, the number as it is, and as it would be."""
    labels = (
        ("transfers that would be held", "held"),
        ("of these, for what was found", "held for what was found"),
        ("alerts", "alerts"),
        ("actors of whom something would be held", "actors held"),
    )
    return [
        (label, total.get(name, 0), total.get(f"{name} after", 0) if is_diff else None)
        for label, name in labels
    ]
