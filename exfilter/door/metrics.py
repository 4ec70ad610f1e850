"""Figures of a running door, for Prometheus: how much, how long, what became of it. Nothing of a customer.

Labels are words of the program and names of the operator's rules: no actor, no destination, no URL. Fed in
one place, the desk, once for each line of the decision log; so the two can be compared.
"""

from __future__ import annotations

import enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

if TYPE_CHECKING:
    from exfilter.door.tasks import Outcome
    from exfilter.model import Transfer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes keep their figures, so that one can add them up. Read when this is imported."""
SECONDS = 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0
KINDS = {"CONNECT": "connect", "WEBSOCKET": "websocket", "TLS": "tls"}
"""Of a carrier, by the method of its transfer. All others are plain HTTP."""


class Refusal(enum.StrEnum):
    """Why a transfer is turned away before it is scanned."""

    SATURATED = "saturated"
    TOO_LARGE = "too-large"
    NO_ROOM = "no-room"
    METHOD = "method"
    SERVER_NAME = "server-name"
    OTHER = "other"


class Counted(enum.StrEnum):
    """How much of a response was counted."""

    ALL = "true"
    PART = "part"
    """There is more of it than is read, or more than there was time for."""
    NOT = "false"


_registry = CollectorRegistry()
_transfers = Counter("exfilter_transfers", "Transfers decided on.", ["door", "kind"], registry=_registry)
_verdicts = Counter(
    "exfilter_verdicts",
    "Verdicts; failed: the transfer was not scanned, and the policy says what follows.",
    ["action", "rule", "failed"],
    registry=_registry,
)
_held = Counter("exfilter_held", "Transfers kept from their destination.", ["door"], registry=_registry)
_bytes = Counter("exfilter_bytes", "Bytes of the bodies decided on.", ["door"], registry=_registry)
_unscanned = Counter(
    "exfilter_unscanned_parts", "Parts that could not be read.", ["reason"], registry=_registry
)
_refusals = Counter("exfilter_refusals", "Transfers turned away unscanned.", ["why"], registry=_registry)
_unrecorded = Counter(
    "exfilter_unrecorded", "Transfers refused, or passed in audit, without a line.", registry=_registry
)
_responses = Counter(
    "exfilter_responses",
    "Responses of read_hosts, by whether they were counted: true, part, false.",
    ["counted"],
    registry=_registry,
)
_seconds = Histogram(
    "exfilter_seconds",
    "Seconds from a transfer's last byte to its verdict (scan), and to seal it (hold).",
    ["stage"],
    buckets=SECONDS,
    registry=_registry,
)
_queue = Gauge(
    "exfilter_queue_length",
    "Transfers that wait for a scan.",
    registry=_registry,
    multiprocess_mode="livesum",
)
_busy = Gauge("exfilter_workers_busy", "Workers that scan.", registry=_registry, multiprocess_mode="livesum")
_scan, _hold = _seconds.labels("scan"), _seconds.labels("hold")
ProcessCollector(registry=_registry)


def count(transfer: Transfer, size: int, outcome: Outcome, seconds: float) -> None:
    """Take in a decision that has been recorded. ``size``: bytes of the body."""
    transfers, sizes, holds = _of_door(transfer.door, KINDS.get(transfer.method, "http"))
    transfers.inc()
    sizes.inc(size)
    _of_verdict(outcome.action, outcome.rule, failed=outcome.failed).inc()
    _scan.observe(seconds)
    if not outcome.forward:
        holds.inc()
    if outcome.sealing:
        _hold.observe(outcome.sealing)
    for reason, parts in outcome.unscanned.items():
        _unscanned.labels(reason).inc(parts)


# To find the counter of some labels takes longer than to count. There are as many as rules and doors.
@cache
def _of_door(door: str, kind: str) -> tuple[Counter, Counter, Counter]:
    return _transfers.labels(door, kind), _bytes.labels(door), _held.labels(door)


@cache
def _of_verdict(action: str, rule: str, *, failed: bool) -> Counter:
    return _verdicts.labels(action, rule, "true" if failed else "false")


def refused(why: Refusal) -> None:
    """Count a transfer that is turned away unscanned."""
    _refusals.labels(why.value).inc()


def unrecorded() -> None:
    """Count a transfer whose decision could not be written down."""
    _unrecorded.inc()


def viewed(counted: Counted) -> None:
    """Count a response that was read on its way back."""
    _responses.labels(counted.value).inc()


def queued(transfers: int) -> None:
    """Say how many transfers wait for a scan."""
    _queue.set(transfers)


def busy(workers: int) -> None:
    """Say how many workers scan."""
    _busy.set(workers)


def text() -> bytes:
    """Return the figures of this process."""
    return generate_latest(_registry)


def merged(folder: Path) -> bytes:
    """Return the figures of all processes that keep theirs in a folder."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget(process: int, folder: Path) -> None:
    """Drop what a process that ended said of the present; what it counted stays."""
    mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
