"""What a release is bound to: the exact transfer, by a keyed digest.

The digest is an HMAC and not a hash, because a short body can be guessed and tried. It covers
actor, method, destination, URL, all headers but the volatile ones below, trailers and body. The
volatile headers differ from one try to the next in every honest client (tokens, dates, traces), but
they could carry data too: so the door examines ``unbound(transfer)`` when it holds and again before a
release is redeemed. What is found there must be the same both times (``loose``): nobody comes along.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

from exfilter.body import pieces
from exfilter.model import Findings, Reason, Transfer

FORMAT = b"exfilter-transfer-1"
LOOSE = b"exfilter-loose-1"
UNKNOWN = "unknown"
"""No digest is this: what was not bound could not be examined, and no retry is the same."""
VOLATILE = frozenset(
    {
        "authorization",
        "cookie",
        "date",
        "proxy-authorization",
        "traceparent",
        "tracestate",
        "x-amz-date",
        "x-amz-security-token",
        "x-csrf-token",
        "x-request-id",
    }
)


class Digest:
    """HMAC-SHA256 over a transfer whose body arrives piece by piece."""

    def __init__(self, key: bytes, transfer: Transfer) -> None:
        """Take in everything but the body."""
        self._mac = hmac.new(key, FORMAT, hashlib.sha256)
        bound = [(name.lower(), value) for name, value in transfer.headers if name.lower() not in VOLATILE]
        trailers = [(name.lower(), value) for name, value in transfer.trailers]
        for text in (transfer.actor, transfer.method, transfer.destination, transfer.url):
            self._add(text)
        for pairs in (bound, trailers):
            self._add(str(len(pairs)))
            for name, value in pairs:
                self._add(name)
                self._add(value)

    def _add(self, text: str) -> None:
        # Each text with its length: "ab" + "c" is not "a" + "bc".
        data = text.encode("utf-8", "surrogatepass")
        self._mac.update(len(data).to_bytes(8, "big") + data)

    def update(self, body: bytes | memoryview) -> None:
        """Take in the next piece of the body (the last field, so it needs no length)."""
        self._mac.update(body)

    def hexdigest(self) -> str:
        """Return the digest of what was taken in."""
        return self._mac.hexdigest()


def digest(key: bytes, transfer: Transfer) -> str:
    """Return the keyed digest of a whole transfer, in hexadecimal."""
    mac = Digest(key, transfer)
    for piece in pieces(transfer.body):
        mac.update(piece)
    return mac.hexdigest()


def unbound(transfer: Transfer) -> Transfer:
    """Return what the digest does not cover, to be examined by itself, without what was sent before it."""
    headers = tuple((name, value) for name, value in transfer.headers if name.lower() in VOLATILE)
    return replace(transfer, body=b"", url="", headers=headers, trailers=(), stream=None)


def loose(rest: Transfer, found: Findings) -> bytes | None:
    """Return what was found in ``unbound``: the same bytes for the same customers, fields and terms.

    Empty: nothing. None: it was not examined to its end. Where a part cannot be read, the headers' own text
    counts, as nobody knows what it is.
    """
    if any(item.reason is Reason.DEADLINE for item in found.unscanned):
        return None
    who = [list(map(int, some)) for some in (found.identified, found.estimated_ordinals)]
    if not (any(who) or found.estimated or found.terms or found.unscanned):
        return b""
    exposed = sorted((field, list(map(int, some))) for field, some in found.exposed.items())
    text = rest.headers if found.unscanned else ()
    return json.dumps([who, found.estimated, exposed, sorted(found.terms.items()), text]).encode()


def loose_digest(key: bytes, found: bytes | None) -> str:
    """Return the keyed digest of ``loose``, in hexadecimal; nothing for nothing."""
    if found is None:
        return UNKNOWN
    return hmac.new(key, LOOSE + found, hashlib.sha256).hexdigest() if found else ""
