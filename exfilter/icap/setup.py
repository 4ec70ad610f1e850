"""What is wrong with how a proxy was set up to ask: said once for each address, for no request shows it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from exfilter.icap.events import Head
from exfilter.icap.identity import ADDRESS, GROUPS, NAMES
from exfilter.who.networks import Networks

MOST = 100
"""Lines."""
_TOLD = frozenset({*NAMES, ADDRESS, GROUPS})

logger = logging.getLogger("exfilter.door")


@dataclass(slots=True)
class Setup:
    """What has been said so far."""

    trusted: Networks
    _said: set[tuple[str, str]] = field(default_factory=set)

    def look(self, head: Head, peer: str) -> None:
        """Look at a request that leaves."""
        if peer not in self.trusted and any(name.lower() in _TOLD for name, _ in head.headers):
            self.say(
                peer,
                "names users, and is not in --trust: all who send by it count as one; "
                f"add --trust {peer} if it is your proxy",
            )

    def returns(self, peer: str) -> None:
        """Hear of a response."""
        self.say(
            peer,
            "asks about responses, which are let through unread: have it ask about requests, at /reqmod",
        )

    def elsewhere(self, peer: str) -> None:
        """Hear of a request for another service."""
        self.say(peer, "asks for a service that is not there: have it ask at /reqmod")

    def unsaid(self, peer: str, why: str) -> None:
        """Hear of a request of which nobody can tell who sends it."""
        self.say(
            peer, f"does not say who sends ({why}): that is refused; see --users, or how it writes names"
        )

    def say(self, peer: str, what: str) -> None:
        """Say something of a peer, unless it was said."""
        if (peer, what) not in self._said and len(self._said) < MOST:
            self._said.add((peer, what))
            logger.warning("%s %s", peer, what)
