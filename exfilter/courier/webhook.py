"""Notices as signed JSON, by the scheme of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the id, the time
of the attempt and the body are signed together with HMAC-SHA256. The id is the same in every attempt, so a
receiver knows what it has already; the time is not, so what was overheard is worth nothing later.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from exfilter import __version__, private
from exfilter.courier import wires
from exfilter.courier.trouble import Refused, Unreachable, translated
from exfilter.ledger.notices import Notice, packed
from exfilter.policy import Webhook

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a key."""
ARRIVED = range(200, 300)
BUSY, BROKEN = frozenset({408, 425, 429}), 500
"""Answers that say: later; all from 500 on do. The others say no: no redirection is followed."""


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts notices to one URL."""

    url: str
    key: bytes = field(repr=False)
    trust: ssl.SSLContext | None = None
    clock: Callable[[], float] = time.time
    whole: float = wires.WHOLE

    @classmethod
    def of(cls, receiver: Webhook, key: Path, authorities: Path | None) -> Poster:
        """Read the key. Raises ValueError or OSError."""
        trust = wires.trusting(authorities) if receiver.url.startswith("https:") else None
        return cls(receiver.url, key_of(key), trust)

    def deliver(self, notice: Notice) -> None:
        """Post a notice. Any answer from 200 to 299 means that it arrived. Raises Unreachable or Refused."""
        body = packed(notice).encode()
        headers = signed(self.key, notice["id"], int(self.clock()), body)
        with translated():
            status = self._post(body, headers)
        why = f"it answered {status}"
        if status >= BROKEN or status in BUSY:
            raise Unreachable(why)
        if status not in ARRIVED:
            raise Refused(why)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        connection = http.client.HTTPConnection(host, parts.port or 0)
        wire = wires.connected(host, parts.port or (443 if self.trust else 80))
        # Before TLS: a server may be slow there too.
        with wire, contextlib.closing(connection), wires.bounded(wire, self.whole):
            connection.sock = self.trust.wrap_socket(wire, server_hostname=host) if self.trust else wire
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {"Host": parts.netloc} | headers)
            answer = connection.getresponse()
            answer.close()
            return answer.status


def signed(key: bytes, name: str, when: int, body: bytes) -> dict[str, str]:
    """Return the headers of an attempt. ``when``: seconds since the epoch."""
    mac = hmac.digest(key, f"{name}.{when}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"exfilter/{__version__}",
        "Connection": "close",
        "webhook-id": name,
        "webhook-timestamp": str(when),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def key_of(file: Path) -> bytes:
    """Read a key. Raises ValueError, without its text, or OSError."""
    text = private.read(file).decode("ascii", "replace").strip()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(PREFIX) or not LEAST <= len(key) <= MOST:
        msg = f"{file}: no key of a webhook: a line {PREFIX} and base64 of {LEAST} to {MOST} bytes"
        raise ValueError(msg)
    return key
