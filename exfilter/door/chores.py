"""What doors do beside their work.

One of all, once a day: what is too old goes, what is normal is summed up. Each, every few minutes: it signs
how far the audit log goes.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING, Never

from exfilter.audit import Signer
from exfilter.ledger import acts, open_ledger, peerage, retention

if TYPE_CHECKING:
    from exfilter.settings import Settings

BEGIN = 60.0
"""Seconds after the start: a door that starts has better things to do."""
LOOK = 600.0
"""Seconds between two looks whether a day has begun, or who had begun it has given it back."""

logger = logging.getLogger("exfilter.door")


def serve(given: Settings) -> Never:
    """Do it day by day."""
    time.sleep(BEGIN)
    while True:
        try:
            upkeep(given)
            sign(given)
        except (OSError, ValueError) as error:
            # The message may name a server, never a value.
            logger.error("the ledger was not kept up: %s", type(error).__name__)  # noqa: TRY400
        time.sleep(LOOK)


def upkeep(given: Settings) -> bool:
    """Keep the ledger up if it is on this process. Return whether it was. Raises OSError or ValueError."""
    with closing(open_ledger(given)) as ledger:
        if not retention.claim(ledger):
            return False
        try:
            retention.tidy(ledger, given.retention_days)
            peerage.sum_up(ledger)
        except BaseException:
            retention.give_back(ledger)
            raise
        return True


def sign(given: Settings) -> None:
    """Sign how far the audit log goes, if it went further, and log that. Raises OSError or ValueError."""
    with closing(open_ledger(given)) as ledger:
        made = acts.sign(ledger.database, Signer(given.audit_key), ledger.clock())
    if made:
        logger.info("audit checkpoint: %s", made.told())
