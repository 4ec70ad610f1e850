"""What is done beside the scans.

One of all doors keeps the ledger up, once a day: what is too old goes, what is normal is summed up. Each door
says of a policy that was saved that it is read again, or what is wrong with it, also while nobody sends, and
signs how far the audit log goes.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING, Never

from exfilter.ledger import open_ledger, peerage, proof, retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.settings import Settings

BEGIN = 60.0
"""Seconds after the start: a door that starts has better things to do."""
LOOK = 600.0
"""Seconds between two looks whether a day has begun, or who had begun it has given it back."""

ROUND = 0.5
"""Seconds between two looks at the policy."""

logger = logging.getLogger("exfilter.door")


def serve(given: Settings, follow: Callable[[], None]) -> Never:
    """Do it day by day. ``follow``: looks at the policy."""
    due = time.monotonic() + BEGIN
    while True:
        follow()
        if time.monotonic() >= due:
            _keep_up(given)
            due = time.monotonic() + LOOK
        time.sleep(ROUND)


def _keep_up(given: Settings) -> None:
    try:
        upkeep(given)
    except (OSError, ValueError) as error:
        # The message may name a server, never a value.
        logger.error("the ledger was not kept up: %s", type(error).__name__)  # noqa: TRY400
    try:
        sign(given)
    except (OSError, ValueError) as error:
        logger.error("the audit log was not signed, run `exfilter audit verify`: %s", type(error).__name__)  # noqa: TRY400


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
        made = proof.sign(ledger.database, given.audit_key, ledger.clock())
    if made:
        logger.info("audit checkpoint: %s", made.told())
