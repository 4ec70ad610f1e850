"""A receiver of the policy to what delivers to it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from exfilter.courier.mail import Mailer
from exfilter.courier.syslog import Logger
from exfilter.courier.trouble import Refused, Unreachable
from exfilter.courier.webhook import Poster
from exfilter.ledger.notices import Notice
from exfilter.policy import Mail, Receiver, Webhook

__all__ = ["Channel", "Refused", "Unreachable", "channel"]


class Channel(Protocol):
    """Delivers notices to one receiver."""

    def deliver(self, notice: Notice) -> None:
        """Deliver a notice, within a bounded time. Raises Unreachable or Refused: it may not have arrived."""


def channel(receiver: Receiver, folder: Path) -> Channel:
    """Return what delivers to a receiver; its files are in ``folder``. Raises ValueError or OSError."""
    authorities = folder / receiver.ca_file if receiver.ca_file else None
    if isinstance(receiver, Webhook):
        return Poster.of(receiver, folder / receiver.key_file, authorities)
    if isinstance(receiver, Mail):
        password = folder / receiver.password_file if receiver.password_file else None
        return Mailer.of(receiver, password, authorities)
    return Logger.of(receiver, authorities)
