"""Names and passwords to a proven name: checked in a thread, remembered for a while, guesses counted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
import time
import unicodedata
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exfilter.who import users
from exfilter.who.networks import network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKERS = 2
"""Threads that check passwords: bcrypt takes tens of milliseconds and lets other threads run."""

logger = logging.getLogger("exfilter.who")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody says. Shows no password, wherever it is printed."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A name that was proven. Only ``SignIn.check`` makes one; it holds while the user's line stays."""

    user: str
    stored: str = field(repr=False)


def basic(header: str) -> Credentials | None:
    """Return the credentials of a ``Basic`` header (RFC 7617). None: it holds none.

    The first colon ends the name; a password may have more of them.
    """
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(token.strip().encode("ascii"), validate=True).decode("utf-8")
    except ValueError:
        return None
    user, colon, password = text.partition(":")
    return Credentials(user, password) if colon else None


class Guesses:
    """How many wrong passwords a client address has left. IPv6: its network of 64 bits."""

    AT_MOST = 10
    WITHIN = 60.0
    """Seconds."""
    ADDRESSES = 10_000
    """That are kept in mind: the oldest is forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()
        self._quiet_until = 0.0

    def take(self, address: str) -> bool:
        """Use one up. False: there is none left, and nothing is checked."""
        times = self._recent(network(address))
        if len(times) >= self.AT_MOST:
            self._say(address)
            return False
        times.append(self._clock())
        return True

    def give_back(self, address: str) -> None:
        """Undo ``take``: it was no guess, the password was right."""
        times = self._recent(network(address))
        if times:
            times.pop()

    def _recent(self, network: str) -> deque[float]:
        times = self._taken.setdefault(network, deque())
        self._taken.move_to_end(network)
        while times and times[0] <= self._clock() - self.WITHIN:
            times.popleft()
        while len(self._taken) > self.ADDRESSES:
            self._taken.popitem(last=False)
        return times

    def _say(self, address: str) -> None:
        if self._clock() >= self._quiet_until:
            self._quiet_until = self._clock() + self.WITHIN
            logger.error("%d wrong passwords within a minute from %s: it has to wait", self.AT_MOST, address)


class _Remembered:
    """Digests that are in mind for some seconds, the newest so many."""

    AT_MOST = 10_000

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def add(self, digest: bytes) -> None:
        self._until[digest] = self._clock() + self._seconds
        self._until.move_to_end(digest)
        while len(self._until) > self.AT_MOST:
            self._until.popitem(last=False)

    def __contains__(self, digest: bytes) -> bool:
        return self._until.get(digest, 0.0) > self._clock()


class SignIn:
    """Checks credentials against the users. Belongs to one event loop.

    A password that was right is remembered, by a keyed hash over it and the user's line: a new connection
    does not pay for bcrypt again, and a line that changes makes it forgotten. So is a wrong one, for a short
    time: a program that says the same wrong one again and again guesses once, and shuts nobody out.
    """

    RIGHT = 3600.0
    """Seconds for which a right password is remembered."""
    WRONG = Guesses.WITHIN

    def __init__(
        self, current: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask ``current`` for the users as they are now."""
        self._users = current
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._right = _Remembered(self.RIGHT, clock)
        self._wrong = _Remembered(self.WRONG, clock)
        self._checks: dict[bytes, asyncio.Task[bool]] = {}
        self._guesses = Guesses(clock)
        self._checkers = ThreadPoolExecutor(CHECKERS, thread_name_prefix="sign-in")

    async def check(self, given: Credentials, address: str) -> Ticket | None:
        """Return the proof of a name. None: wrong, or too many wrong ones before it."""
        if not given.user or _has_control(given.user + given.password):
            return None
        known = self._users()
        ticket = Ticket(given.user, known.get(given.user, ""))
        digest = self._digest(given, ticket.stored)
        if digest in self._right or digest in self._wrong:
            return ticket if digest in self._right else None
        check = self._checks.get(digest)
        if check is None:
            if not self._guesses.take(address):
                return None
            # One check, however many connections ask at once: a browser opens a dozen.
            check = asyncio.create_task(self._check(known, given, digest, address))
            self._checks[digest] = check
        return ticket if await asyncio.shield(check) else None

    def honours(self, ticket: Ticket) -> bool:
        """Whether the user is still there, with the same password."""
        return bool(ticket.stored) and self._users().get(ticket.user) == ticket.stored

    def close(self) -> None:
        """Check no more."""
        self._checkers.shutdown(wait=False, cancel_futures=True)

    async def _check(self, known: Mapping[str, str], given: Credentials, digest: bytes, address: str) -> bool:
        loop = asyncio.get_running_loop()
        try:
            right = await loop.run_in_executor(self._checkers, users.fits, known, given.user, given.password)
        finally:
            del self._checks[digest]
        (self._right if right else self._wrong).add(digest)
        if right:
            self._guesses.give_back(address)
        return right

    def _digest(self, given: Credentials, stored: str) -> bytes:
        # No control character is in any of the three: they cannot run into each other.
        text = f"{given.user}\0{given.password}\0{stored}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _has_control(text: str) -> bool:
    # RFC 7617, section 2: neither name nor password has control characters. Lone surrogates are no text.
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
