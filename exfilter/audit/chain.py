"""What makes the audit log a chain: each entry is hashed with the hash of the one before it.

hash = SHA-256(mark ‖ previous ‖ SHA-256(content)), where content is the entry as canonical JSON. So an entry
can be shown to others with the bare digests of all others, and they can verify that it stands in this log at
this place. (The construction is that of Haber & Stornetta, "How to time-stamp a digital document", 1991.)

A chain alone tells that something was changed by somebody who did not make all later hashes anew. Who did is
contradicted by a signed checkpoint (signing.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

MARK = b"exfilter-audit-1\0"
GENESIS = bytes(32).hex()
"""What comes before the first entry."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an entry says. No customer is in it."""

    time: float
    """Seconds since the epoch, UTC."""
    who: str
    act: str
    subject: str
    reason: str
    about: str = ""
    """JSON: versions and numbers that belong to it. Empty: none."""

    def digest(self) -> str:
        """Return the SHA-256 of its canonical JSON, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def canonical(self) -> bytes:
        """Return it as ASCII JSON without blanks: a list, so that no order of keys is in question."""
        told = [self.time, self.who, self.act, self.subject, self.reason, self.about]
        return json.dumps(told, allow_nan=False, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True, slots=True)
class Link:
    """An entry's place in the chain. All are SHA-256 in hexadecimal."""

    number: int
    """From 1. It only orders: what proves the order is ``previous``."""
    previous: str
    content: str
    hash: str

    @classmethod
    def after(cls, number: int, previous: str, content: str) -> Link:
        """Return the link that follows an entry with the hash ``previous``."""
        return cls(number, previous, content, joined(previous, content))


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place at which a log is not what was written."""

    number: int
    """Of the entry that is altered or moved, or that the missing one stood before."""
    kind: str
    """``altered``, ``missing``, ``reordered`` or ``rewritten``."""
    why: str


def joined(previous: str, content: str) -> str:
    """Return the hash of an entry, hexadecimal."""
    return hashlib.sha256(MARK + bytes.fromhex(previous) + bytes.fromhex(content)).hexdigest()


def fault(links: Iterable[Link], known: AbstractSet[str]) -> Fault | None:
    """Return the first fault of a log in the order of its numbers, None where there is none.

    ``known``: the hashes of all its entries; what follows one of them was not lost but moved.
    """
    return next(_faults(links, known), None)


def _faults(links: Iterable[Link], known: AbstractSet[str]) -> Iterator[Fault]:
    number, head = 0, GENESIS
    for link in links:
        if not _is_whole(link):
            yield Fault(link.number, "altered", "its text is not the one that was hashed")
        elif link.previous != head and (link.previous in known or link.previous == GENESIS):
            yield Fault(link.number, "reordered", f"it was not written after entry {number}")
        elif link.previous != head:
            yield Fault(link.number, "missing", _gap(number, link.number))
        number, head = link.number, link.hash


def _is_whole(link: Link) -> bool:
    try:
        return joined(link.previous, link.content) == link.hash
    except (ValueError, TypeError):  # what should be a hash is none
        return False


def _gap(last: int, number: int) -> str:
    if number > last + 1:
        return f"nothing is left between entry {last} and it"
    before = f"an entry between {last} and it was taken out"
    return f"{before}, or entry {last} was altered and hashed anew" if last else before
