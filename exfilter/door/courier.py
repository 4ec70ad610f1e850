"""The process that tells others. It has no key of the index, and ends with the door that started it.

Run as ``python -P -m exfilter.door.courier FOLDER STYLE`` by ``messenger``.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from exfilter import policy, settings
from exfilter.courier import Courier
from exfilter.door.ending import end_with
from exfilter.door.logs import Format, discreet, logger
from exfilter.latest import Latest
from exfilter.ledger import open_outbox

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

AGAIN = 5.0
"""Seconds between two attempts to begin."""


def main() -> None:
    """Deliver until the process is ended. At any moment: what was under way is delivered again."""
    folder, style, parent = Path(sys.argv[1]), Format(sys.argv[2]), int(sys.argv[3])
    end_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group: the door ends this process
        signal.signal(number, signal.SIG_IGN)
    log = logger(style)
    with discreet(log):
        _begun(folder, log).run()


def _begun(folder: Path, log: FilteringBoundLogger) -> Courier:
    """Open what is needed, as soon as that is possible."""
    said = ""
    while True:
        try:
            given = settings.load(folder)
            return Courier(Latest(given.policy, policy.load), open_outbox(given), given.policy.parent)
        except (ValueError, OSError) as error:
            if str(error) != said:
                said = str(error)
                log.error("nobody is told anything: %s", said)  # noqa: TRY400 - written without values
            time.sleep(AGAIN)


if __name__ == "__main__":
    main()
