"""A scan that misbehaves in a chosen way, for tests that it then never forwards.

Python imports this when it starts with this folder on its path; only the process that scans takes notice.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.model import Expired, Transfer, Verdict


def _raise(error: BaseException) -> None:
    raise error


def _hang() -> None:
    while True:
        time.sleep(0.05)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


FAULTS: dict[str, Callable[[], None]] = {
    "raises": lambda: _raise(RuntimeError("customer@example.com")),
    "out-of-memory": lambda: _raise(MemoryError()),
    "exits": lambda: sys.exit(0),
    "hangs": _hang,
    "stops": _stop,
    "dies": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leaves": lambda: os._exit(0),
}


def _break(fault: str) -> None:
    if fault == "has no compiled kernel":
        sys.modules["exfilter.kernel.native"] = None  # type: ignore[assignment]
        return
    from exfilter import scanner  # noqa: PLC0415 - only in the process that scans

    whole = scanner.Scanner.examine

    def paused(self: scanner.Scanner, transfer: Transfer, expired: Expired) -> Verdict:
        """Scan after a while."""
        if transfer.method != "CONNECT" and len(transfer.body):
            time.sleep(2)
        return whole(self, transfer, expired)

    def examine(self: scanner.Scanner, transfer: Transfer, expired: Expired) -> Verdict:
        """Scan, and then the fault happens: what it found is lost. Tunnels and empty requests pass."""
        verdict = whole(self, transfer, expired)
        if transfer.method != "CONNECT" and len(transfer.body):
            FAULTS[fault]()
        return verdict

    scanner.Scanner.examine = paused if fault == "pauses" else examine  # type: ignore[method-assign]


if "exfilter.door.worker" in sys.orig_argv and os.environ.get("EXFILTER_FAULT"):
    _break(os.environ["EXFILTER_FAULT"])
