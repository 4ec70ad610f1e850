"""All connections of a service: how many there are, who makes room, and who has how much under way."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from exfilter.icap.link import Link


@dataclass(slots=True)
class Crowd:
    """The connections, each with whether it has a request without an answer."""

    most: int
    """There may be at a time."""
    is_closing: bool = False
    under_way: Counter[str] = field(default_factory=Counter, init=False)
    """How many requests of each sender are here that have no answer yet."""
    _links: dict[Link, bool] = field(default_factory=dict, init=False)
    """Of those that rest, who rests longest comes first."""

    @property
    def held(self) -> int:
        """Requests that have no answer yet."""
        return sum(self._links.values())

    @property
    def is_too_large(self) -> bool:
        """Whether there are more connections than there may be."""
        return len(self._links) > self.most

    def close(self) -> None:
        """Take no more requests; those that have begun have their answers."""
        self.is_closing = True
        for link, is_busy in self._links.items():
            if not is_busy:
                link.abort()

    @contextlib.contextmanager
    def entered(self, link: Link) -> Iterator[None]:
        """Have a connection among the others while the body runs.

        Where there are as many as there may be, one gives way on which no request has come: whoever just
        holds connections open, or sends a head a byte at a time, keeps nobody out.
        """
        resting = next((other for other, is_busy in self._links.items() if not is_busy), None)
        if len(self._links) >= self.most and resting is not None:
            del self._links[resting]
            resting.abort()
        self.rests(link)
        try:
            yield
        finally:
            self._links.pop(link, None)

    def rests(self, link: Link) -> None:
        """Hear that a connection waits for its next request."""
        self._links.pop(link, None)
        self._links[link] = False

    def works(self, link: Link) -> None:
        """Hear that a request has come."""
        self._links[link] = True

    @contextlib.contextmanager
    def sending(self, actor: str) -> Iterator[None]:
        """Count a sender's request while the body runs."""
        self.under_way[actor] += 1
        try:
            yield
        finally:
            self.under_way -= Counter((actor,))
