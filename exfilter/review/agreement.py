"""Whether quarantine and audit log say the same: what was held, what was decided, what passed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exfilter.audit import Content
from exfilter.ledger import passages
from exfilter.quarantine import State
from exfilter.quarantine.proving import Proved
from exfilter.review.decisions import CONFIRM, DENY, RELEASE

ACTS: Mapping[State, str] = {State.RELEASED: RELEASE, State.DENIED: DENY, State.CONFIRMED: CONFIRM}


@dataclass(slots=True)
class Told:
    """What the audit log says of transfers."""

    holds: dict[str, str] = field(default_factory=dict)
    """Fingerprint by transfer."""
    acts: set[tuple[str, str, str]] = field(default_factory=set)
    """Transfer, act, who."""

    @classmethod
    def by(cls, contents: Iterable[Content]) -> Told:
        """Take in the entries of a log that is whole."""
        told = cls()
        for each in contents:
            told.acts.add((each.subject, each.act, each.who))
            if each.act == passages.HOLD:
                told.holds[each.subject] = str(json.loads(each.about).get("held", ""))
        return told


def differences(of: Iterable[Proved], told: Told) -> Iterator[str]:
    """Yield a sentence for each thing that was changed, or decided, beside the audit log."""
    for each in of:
        if told.holds.get(each.id, each.fingerprint) not in {each.fingerprint, ""}:
            yield f"{each.id}: what the quarantine says of it is not what was held"
        for state, who in each.decisions:
            if each.id in told.holds and (each.id, ACTS[state], who) not in told.acts:
                yield f"{each.id}: that it is {state} by {who} is not in the audit log"
        decided = {state for state, _ in each.decisions}
        if each.state is not State.HELD and each.state not in decided:
            yield f"{each.id}: nobody decided that it is {each.state}"
        if each.redeemed and each.id in told.holds and not _has(told, each.id, passages.PASS):
            yield f"{each.id}: that its release was used up is not in the audit log"


def unproved(of: Iterable[Proved], told: Told) -> int:
    """Return of how many transfers the audit log says nothing: they were held before it did."""
    return sum(each.id not in told.holds for each in of)


def _has(told: Told, transfer_id: str, act: str) -> bool:
    return (transfer_id, act, passages.DOOR) in told.acts
