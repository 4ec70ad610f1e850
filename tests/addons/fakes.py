"""Small stand-ins for the rooms behind the door, with the door's own interfaces."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from mitmproxy.test import taddons

from addons.gate import Clearances, Gate
from addons.guard import Guard
from exfilter.body import whole
from exfilter.door import tasks
from exfilter.door.clerk import Clerk
from exfilter.door.desk import Desk
from exfilter.door.worker import done
from exfilter.ledger import Entry
from exfilter.model import Action, Expired, Findings, Reason, Transfer, Verdict, Versions
from exfilter.policy import Hindsight, Past, Policy, Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mitmproxy import hooks

SECRET = b"jane.doe@example.com"
"""What the fake scanner takes for a customer."""
NOBODY = np.zeros(0, np.int64)


def verdict(action: Action, rule: str = "rule", customers: int = 0) -> Verdict:
    versions = Versions("0", 1, "fake", "index-1", "policy-1")
    return Verdict(action, rule, "because", versions, Findings(NOBODY, customers, NOBODY, {}, {}, (), 0))


class Scanner:
    """Holds what contains the secret, anywhere."""

    def __init__(self) -> None:
        self.seen: list[Transfer] = []
        self.policy = "policy-1"

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        assert not expired()
        self.seen.append(transfer)
        carriers = (transfer.url, transfer.destination, repr(transfer.headers), repr(transfer.trailers))
        leak = SECRET in whole(transfer.body) or any(SECRET.decode() in text for text in carriers)
        found = verdict(Action.QUARANTINE if leak else Action.ALLOW, customers=int(leak))
        return replace(found, versions=replace(found.versions, policy=self.policy))

    def versions(self) -> Versions:
        return verdict(Action.ALLOW).versions

    def may_stream(self, transfer: Transfer) -> bool:
        return transfer.destination == "stream.example"

    def hindsight(self, transfer: Transfer) -> Hindsight:
        return Hindsight(Policy(), transfer)

    def view(self, transfer: Transfer, expired: Expired, missing: int) -> Verdict:
        del transfer, expired, missing
        return verdict(Action.ALLOW)

    def failed(self, reason: str, transfer: Transfer, cause: Reason) -> Verdict:
        del reason, transfer, cause
        return verdict(Action.QUARANTINE, "fail-closed")


@dataclass
class Quarantine:
    """Keeps transfers in a list; a release is a body."""

    held: list[tuple[Transfer, Verdict]] = field(default_factory=list)
    released: set[bytes] = field(default_factory=set)
    redeemed: bytes = b""
    full: BaseException | None = None

    def fingerprint(self, transfer_id: str) -> str:
        return "of " + transfer_id

    def hold(self, transfer: Transfer, verdict: Verdict, found: bytes | None) -> str:
        del found
        if self.full:
            raise self.full
        self.held.append((transfer, verdict))
        return f"t{len(self.held)}"

    def check(self) -> None:
        if self.full:
            raise self.full

    def redeem(self, transfer: Transfer, policy_digest: str, index_id: str, found: bytes) -> str | None:
        assert (policy_digest, index_id) == ("policy-1", "index-1")
        body = whole(transfer.body)
        if body in self.released and not found:
            self.released.remove(body)
            self.redeemed = body
            return "released"
        return None

    def restore(self, transfer_id: str) -> None:
        assert transfer_id == "released"
        self.released.add(self.redeemed)


@dataclass
class Journal:
    """Keeps lines in a list."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    full: BaseException | None = None

    def check(self) -> None:
        if self.full:
            raise self.full

    def write(self, transfer: Transfer, verdict: Verdict, **fields: Any) -> None:  # noqa: ANN401 - whatever it is
        if self.full:
            raise self.full
        self.lines.append({"method": transfer.method, "rule": verdict.rule, **fields})


class Ledger:
    """Knows nothing of the past."""

    def __init__(self) -> None:
        self.full: OSError | None = None

    def enter(
        self,
        transfer: Transfer,
        verdict: Verdict,
        question: Question,
        decide: Callable[[Past], Verdict],
        *,
        audit_only: bool,
    ) -> Entry:
        del transfer, verdict, question, audit_only
        if self.full:
            raise self.full
        return Entry(decide(Past()))

    def sent(self, entry: Entry, transfer_id: str) -> Entry:
        del transfer_id
        return entry

    def restored(self, transfer_id: str) -> None:
        del transfer_id

    def stays(self, entry: Entry) -> None:
        del entry

    def kept(self, entry: Entry, transfer_id: str, fingerprint: str) -> None:
        del entry, transfer_id, fingerprint

    def check(self) -> None:
        if self.full:
            raise self.full


class Workers:
    """Do their work in this process, each task in a thread."""

    def __init__(self, clerk: Clerk) -> None:
        self.clerk = clerk
        self.lost: list[Exception] = []
        """What becomes of the next tasks instead."""

    async def run(
        self, task: tasks.Task, actor: str, size: int, files: Sequence[int], until: float
    ) -> tasks.Outcome:
        del actor, size, until
        if self.lost:
            raise self.lost.pop()
        mine = [os.dup(descriptor) for descriptor in files]
        return await asyncio.to_thread(done, self.clerk, None, task, mine)

    def begin(self, task: tasks.Judge, actor: str, file: int) -> None:
        del task, actor, file


class Door:
    """Guard and gate in a mitmproxy without sockets."""

    def __init__(
        self, scanner: Scanner | None = None, *, audit_only: bool = False, deadline: float = 30
    ) -> None:
        self.scanner = scanner or Scanner()
        self.quarantine = Quarantine()
        self.journal = Journal()
        self.ledger = Ledger()
        clerk = Clerk(self.scanner, self.quarantine, self.journal, self.ledger, audit_only=audit_only)
        self.pool, self.recorders = Workers(clerk), Workers(clerk)
        self.desk = Desk(self.pool, self.recorders, deadline, audit_only)
        clearances = Clearances()
        self.guard = Guard(self.desk, clearances, 1000)
        self.gate = Gate(clearances)

    def fire(self, *events: hooks.Hook) -> None:
        """Trigger the hooks in the way of a running proxy, where an addon's exceptions are swallowed."""
        self.run(lambda context: self._fire(context, events))

    def run(self, body: Callable[[Any], Awaitable[None]]) -> None:
        async def inside() -> None:
            with taddons.context(self.guard, self.gate) as context:
                await body(context)

        asyncio.run(inside())

    @staticmethod
    async def _fire(context: Any, events: tuple[hooks.Hook, ...]) -> None:  # noqa: ANN401 - whatever it is
        for event in events:
            await context.master.addons.handle_lifecycle(event)
