"""``exfilter`` with a scan that misbehaves in a chosen way, for tests that it then never forwards."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from exfilter import scanner
from exfilter.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.model import Expired, Transfer, Verdict


def _raise(error: BaseException) -> None:
    raise error


def _hang() -> None:
    while True:
        time.sleep(0.05)


FAULTS: dict[str, Callable[[], None]] = {
    "raises": lambda: _raise(RuntimeError("customer@example.com")),
    "out-of-memory": lambda: _raise(MemoryError()),
    "exits": lambda: sys.exit(0),
    "hangs": _hang,
    "dies": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


class Faulty(scanner.Scanner):
    """Scans, and then the fault happens: what it found is lost."""

    fault = ""

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        """Fail where there is a body; tunnels are let through so that the request itself meets the fault."""
        verdict = super().examine(transfer, expired)
        if transfer.method != "CONNECT" and transfer.body:
            FAULTS[self.fault]()
        return verdict


if __name__ == "__main__":
    Faulty.fault = sys.argv.pop(1)
    scanner.Scanner = Faulty  # type: ignore[misc]
    main()
