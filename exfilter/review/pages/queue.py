"""The queue of held transfers, and decisions on several of them."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import Response

from exfilter.quarantine import State
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk, reasoned, refusals
from exfilter.review.asking import Asked
from exfilter.review.decisions import Decisions
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)

Analyst = Annotated[Person, Depends(needs(Role.ANALYST))]
Reviewer = Annotated[Person, Depends(needs(Role.REVIEWER))]
AGES = (("1h", "an hour"), ("24h", "a day"), ("7d", "a week"), ("30d", "a month"), ("52w", "a year"))


class Wanted(enum.StrEnum):
    """What can be decided about a transfer."""

    RELEASE = "release"
    DENY = "deny"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several."""

    id: str
    done: bool
    sentence: str


@router.get("/")
def queue(request: Request, who: Analyst, asked: Annotated[Asked, Query()]) -> Response:
    """List what is held; with other filters, what was."""
    if "state" not in request.query_params:
        asked = asked.model_copy(update={"state": State.HELD.value})
    with refusals():
        choice = asked.choice()
        found = desk(request).quarantine.page(choice, asked.after, asked.limit)
        counts = desk(request).quarantine.counts(choice)
    onward = asked.query(after=found.next) if found.next else ""
    return page(
        request, "desk/queue.html", asked=asked, found=found, counts=counts, states=list(State), ages=AGES,
        onward=onward, first=asked.query(after="") if asked.after else "",
        may=who.role.includes(Role.REVIEWER),
    )  # fmt: skip


@router.post("/decide")
def decide_all(
    request: Request,
    who: Reviewer,
    wanted: Annotated[Wanted, Form()],
    reason: Annotated[str, Form()] = "",
    hours: Annotated[float, Form(ge=0.01, le=8784)] = 24.0,
    id: Annotated[list[str] | None, Form(max_length=1000)] = None,  # noqa: A002 - the field's name
) -> Response:
    """Decide about those that were ticked, for one reason, and say what became of each."""
    with refusals():
        why = reasoned(reason)
        if not id:
            msg = "tick the transfers that are meant"
            raise ValueError(msg)
    decisions = desk(request).decisions(who.name)
    outcomes = [_outcome(decisions, each, wanted, why, hours) for each in dict.fromkeys(id)]
    return page(request, "desk/decided.html", outcomes=outcomes)


def _outcome(decisions: Decisions, transfer_id: str, wanted: Wanted, reason: str, hours: float) -> Outcome:
    try:
        with refusals():
            return Outcome(transfer_id, True, decide(decisions, transfer_id, wanted, reason, hours))  # noqa: FBT003
    except HTTPException as refused:
        return Outcome(transfer_id, False, str(refused.detail))  # noqa: FBT003


def decide(decisions: Decisions, transfer_id: str, wanted: Wanted, reason: str, hours: float) -> str:
    """Decide about one, and say what it is now. Raises ValueError, or what the quarantine raises."""
    if wanted is Wanted.RELEASE:
        state = decisions.release(transfer_id, reason, dt.timedelta(hours=hours))
        if state is not State.RELEASED:
            return "waits for a second reviewer"
        return "released: the sender's retry passes once"
    others: dict[Wanted, tuple[Callable[[str, str], None], str]] = {
        Wanted.DENY: (decisions.deny, "denied"),
        Wanted.CONFIRM: (decisions.confirm, "confirmed as a leak"),
    }
    act, sentence = others[wanted]
    act(transfer_id, reason)
    return sentence
