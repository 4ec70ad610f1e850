"""What makes two requests one exposure: a retry, pieces of one upload, messages of one stream."""

from __future__ import annotations

import hashlib
import hmac

from exfilter.body import pieces
from exfilter.model import Transfer

BYTES = 16
"""128 bits: two exposures of a billion meet with a chance of 1e-21."""


def key(secret: bytes, transfer: Transfer, thread: str, *, crowd: bool = False) -> bytes:
    """Return the keyed digest of who sent what where to; with a ``thread``, of who sent that thread.

    ``crowd``: most of those who may be behind an estimate in it do not count. Such transfers are apart from
    others, whom they would dilute. Headers do not count: a client sends its retry with others. It is keyed:
    a short body can be guessed.
    """
    mac = hmac.new(secret, b"exfilter-exposure-1", hashlib.sha256)
    what: tuple[str, ...] = ("crowd",) if crowd else ()
    what += (thread,) if thread else ("", transfer.method, transfer.url)
    for text in (transfer.door, transfer.actor, transfer.destination, *what):
        data = text.encode("utf-8", "surrogatepass")
        mac.update(len(data).to_bytes(8, "big") + data)
    for piece in () if thread else pieces(transfer.body):
        mac.update(piece)
    return mac.digest()[:BYTES]
