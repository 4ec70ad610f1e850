"""Whether an audit log is the one that was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from exfilter.audit import signing
from exfilter.audit.chain import Fault, Link, fault
from exfilter.audit.signing import Checkpoint

UNKNOWN = "signed by somebody unknown"
"""The kind of fault that is none of the entry."""


def stranger(signer: str) -> str:
    """Say who signed, and what to do."""
    return f"the key {signer} is not known here; if it is one of yours, name it with --signer"


@dataclass(frozen=True, slots=True)
class Result:
    """What was verified."""

    entries: int
    checkpoints: int
    signed: int
    """Number of the last entry that a checkpoint covers. What comes after it nobody vouches for yet."""
    fault: Fault | None
    """The first one. None: the log is whole."""


def verify(
    links: Sequence[Link], end: Link | None, checkpoints: Iterable[Checkpoint], trusted: AbstractSet[str]
) -> Result:
    """Verify a whole log.

    ``end``: what its last entry is said to be; ``checkpoints``: those of the log, and those that were kept
    elsewhere; ``trusted``: public keys, hexadecimal, whose checkpoints count.
    """
    given = sorted(checkpoints, key=lambda each: each.number)
    faults = [_broken(links), _cut(links, end), *(_contradicted(links, each, trusted) for each in given)]
    first = min((each for each in faults if each), key=lambda each: each.number, default=None)
    return Result(len(links), len(given), max((each.number for each in given), default=0), first)


def _broken(links: Sequence[Link]) -> Fault | None:
    unchained = next((link for link in links if not link.hash), None)
    broken = fault(links, {link.hash for link in links})
    if unchained and (broken is None or unchained.number <= broken.number):
        return Fault(unchained.number, "altered", "it is no part of the chain: somebody put it there")
    return broken


def _cut(links: Sequence[Link], end: Link | None) -> Fault | None:
    """Say where the log ends before what was written last, or goes on after it."""
    number, head = (links[-1].number, links[-1].hash) if links else (0, "")
    if end is None or not end.number:
        return Fault(1, "altered", "the end of the chain is gone") if head else None
    if number < end.number:
        return Fault(number + 1, "missing", f"the log went on to entry {end.number}")
    if number > end.number:
        return Fault(end.number + 1, "altered", "it was not written by exfilter")
    return (
        None if head == end.hash else Fault(number, "rewritten", "it is not the entry that was written last")
    )


def _contradicted(links: Sequence[Link], by: Checkpoint, trusted: AbstractSet[str]) -> Fault | None:
    if by.signer not in trusted:
        return Fault(by.number, UNKNOWN, stranger(by.signer))
    if not signing.is_signed(by):
        return Fault(by.number, "altered", "the signature of its checkpoint is wrong")
    here = next((link for link in reversed(links) if link.number == by.number), None)
    if here is None:
        return Fault(by.number, "missing", "a signed checkpoint covers it")
    if here.hash != by.hash:
        why = "a signed checkpoint says that it was another: it, or one before it, was hashed anew"
        return Fault(by.number, "rewritten", why)
    return None
