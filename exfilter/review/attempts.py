"""Guessing passwords is slow, and nobody can lock somebody else out.

Windows, counted by the library ``limits`` in memory: of an address, of an account as strangers at one address
try it, of the account as all strangers do, and of a browser that was logged in to this account before (a
signed cookie, OWASP's "device cookies"). Strangers fill the first three; the reviewer's own browser is
counted by the last alone.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import time
from dataclasses import dataclass, field

from itsdangerous import BadData, URLSafeTimedSerializer
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

ADDRESS, PAIR = parse("30/5 minutes"), parse("10/5 minutes")
ACCOUNT, BROWSER = parse("100/hour"), parse("20/15 minutes")
KNOWN_DAYS = 90


@dataclass(frozen=True, slots=True)
class Attempts:
    """The windows of one process."""

    secret: str
    windows: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def wait(self, name: str, address: str, browser: str) -> int:
        """Count an attempt. Return the seconds to wait where there were too many, else 0."""
        return self._wait(self._keys(name, address, browser))

    def wait_inside(self, session: str) -> int:
        """Count an attempt of who is logged in, by the session alone: no stranger fills its window."""
        return self._wait([(BROWSER, "session", _short(session))])

    def _wait(self, keys: list[tuple[RateLimitItem, str, str]]) -> int:
        over = [key for key in keys if not self.windows.hit(*key)]
        ends = max((self.windows.get_window_stats(*key).reset_time for key in over), default=0.0)
        return max(1, round(ends - time.time())) if over else 0

    def succeeded(self, name: str, address: str, browser: str) -> None:
        """Forget the attempts of an account's owner. Those of the address and of all strangers stay."""
        for key in self._keys(name, address, browser):
            if key[0] in {PAIR, BROWSER}:
                self.windows.clear(*key)

    def is_first(self, name: str, address: str) -> bool:
        """Whether this is the first refusal of these in a while: only that one is written down."""
        return self.windows.hit(parse("1/5 minutes"), "refused", _short(name), network(address))

    def is_recorded(self, address: str) -> bool:
        """Whether a failure elsewhere is written down: nobody fills the disk with them."""
        return self.windows.hit(ADDRESS, "recorded", network(address))

    def known(self, name: str, browser: str) -> str:
        """Return the browser's own name, where it was logged in to this account before. Empty: it was not."""
        try:
            account, own = self._signer().loads(browser, max_age=KNOWN_DAYS * 86_400)
        except (BadData, ValueError, TypeError):
            return ""
        return str(own) if account == _short(name) else ""

    def remember(self, name: str) -> str:
        """Return the cookie of a browser that is logged in."""
        return str(self._signer().dumps([_short(name), secrets.token_hex(8)]))

    def _keys(self, name: str, address: str, browser: str) -> list[tuple[RateLimitItem, str, str]]:
        own = self.known(name, browser)
        if own:
            return [(BROWSER, "browser", own)]
        here, account = network(address), _short(name)
        return [(PAIR, "pair", account + here), (ADDRESS, "address", here), (ACCOUNT, "account", account)]

    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt="browser")


def network(address: str) -> str:
    """Return what one household or machine has: the address, of IPv6 its first 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _short(name: str) -> str:
    """Return a key of bounded length, which no sender chooses."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
