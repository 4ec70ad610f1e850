"""Where the held transfers are that a command is about: in this folder, or at a desk that is called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from exfilter.quarantine import Entry, Quarantine, State
    from exfilter.review.decisions import Decisions
    from exfilter.settings import Settings

PAGE = 1000
"""Entries that are read at a time."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is asked for. Empty: all."""

    state: str = ""
    actor: str = ""
    destination: str = ""
    rule: str = ""
    newer_than: str = ""
    """As 30m, 36h, 7d, 2w; so is the next one."""
    older_than: str = ""


class Held(Protocol):
    """What the commands need of a quarantine."""

    def listed(self, filters: Filters) -> Iterator[Entry]:
        """Yield the transfers that are meant, newest first. Raises ValueError, or OSError."""

    def show(self, transfer_id: str) -> Entry:
        """Return one with its history. Raises ValueError, or OSError."""

    def release(self, transfer_id: str, reason: str, hours: float) -> State:
        """Return the state now: it may wait for a second reviewer. Raises ValueError, or OSError."""

    def deny(self, transfer_id: str, reason: str) -> None:
        """Keep it held for good. Raises ValueError, or OSError."""

    def confirm(self, transfer_id: str, reason: str) -> None:
        """Keep it held for good: it was a leak. Raises ValueError, or OSError."""


@dataclass(frozen=True, slots=True)
class Here:
    """The quarantine of a configuration folder."""

    given: Settings
    reviewer: str = ""

    def listed(self, filters: Filters) -> Iterator[Entry]:
        """Yield the transfers that are meant, a page at a time."""
        import time

        from exfilter.quarantine import Choice, State
        from exfilter.quarantine.ages import ago

        since, until = (ago(age, time.time()) for age in (filters.newer_than, filters.older_than))
        state = State(filters.state) if filters.state else None
        choice = Choice(state, filters.actor, filters.destination, filters.rule, since, until)
        after = ""
        with opened(self.given) as quarantine:
            while True:
                page = quarantine.page(choice, after, PAGE)
                yield from page.entries
                after = page.next
                if not after:
                    return

    def show(self, transfer_id: str) -> Entry:
        """Return one with its history."""
        with opened(self.given) as quarantine:
            return quarantine.show(transfer_id)

    def release(self, transfer_id: str, reason: str, hours: float) -> State:
        """Let the sender's retry pass once."""
        import datetime as dt

        with deciding(self.given, self.reviewer) as decisions:
            return decisions.release(transfer_id, reason, dt.timedelta(hours=hours))

    def deny(self, transfer_id: str, reason: str) -> None:
        """Keep it held for good."""
        with deciding(self.given, self.reviewer) as decisions:
            decisions.deny(transfer_id, reason)

    def confirm(self, transfer_id: str, reason: str) -> None:
        """Keep it held for good: it was a leak."""
        with deciding(self.given, self.reviewer) as decisions:
            decisions.confirm(transfer_id, reason)


def opened(given: Settings) -> Quarantine:
    """Open the quarantine of the settings."""
    from exfilter.quarantine import Quarantine

    return Quarantine.open(given.quarantine, second_reviewer=given.second_reviewer)


@contextlib.contextmanager
def deciding(given: Settings, reviewer: str) -> Iterator[Decisions]:
    """Open what decisions are made with. Where it takes two, nobody may call himself somebody else.

    Then OS users are ``os:NAME``: the same person may have an account of the desk besides.
    """
    from exfilter.cli.quarantine import os_user
    from exfilter.ledger import open_ledger
    from exfilter.quarantine import OS
    from exfilter.review.decisions import Decisions

    if given.second_reviewer and reviewer != os_user():
        msg = f"--reviewer: with second_reviewer it is the OS user, {os_user()}"
        raise ValueError(msg)
    with contextlib.closing(open_ledger(given)) as ledger, opened(given) as quarantine:
        yield Decisions(quarantine, ledger, OS + reviewer if given.second_reviewer else reviewer)
