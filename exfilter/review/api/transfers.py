"""Held transfers, for programs: the queue, an entry, decisions and bodies, with the rights of the pages."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from exfilter.quarantine import State
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk, reasoned, refusals
from exfilter.review.api import models
from exfilter.review.api.parameters import all_known
from exfilter.review.asking import Asked
from exfilter.review.elsewhere import elsewhere
from exfilter.review.opening import Given, opened
from exfilter.review.pages.body import as_file
from exfilter.review.picture import of_entry

TROUBLE: dict[int | str, dict[str, Any]] = {
    status: {"model": models.Problem, "description": text}
    for status, text in (
        (401, "Nobody is logged in, and no good token was shown."),
        (403, "The role does not allow it."),
        (404, "There is no such thing."),
        (409, "It is decided already, or asked for by the same reviewer."),
        (422, "It was not understood."),
        (503, "A database or a file could not be used."),
    )
}
"""What any call may answer besides."""

router = APIRouter(prefix="/api/v1", tags=["transfers"], responses=TROUBLE, dependencies=[Depends(all_known)])

Analyst = Annotated[Person, Depends(needs(Role.ANALYST))]
Reviewer = Annotated[Person, Depends(needs(Role.REVIEWER))]
Id = Annotated[str, Path(max_length=80)]


@router.get("/transfers")
def listed(request: Request, _: Analyst, asked: Annotated[Asked, Query()]) -> models.TransferPage:
    """List transfers, newest first."""
    quarantine = desk(request).quarantine
    with refusals():
        choice = asked.choice()
        found = quarantine.page(choice, asked.after, asked.limit)
    return models.TransferPage(
        transfers=[models.line(each) for each in found.entries],
        next=found.next,
        counts=dict(quarantine.counts(choice)),
    )


@router.get("/transfers/{id}")
def transfer(request: Request, _: Analyst, id: Id) -> models.Transfer:  # noqa: A002 - the path's name
    """Return one transfer."""
    with refusals():
        return models.transfer(desk(request).quarantine.show(id))


@router.get("/transfers/{id}/elsewhere")
def same_customers(request: Request, _: Analyst, id: Id) -> models.SameCustomers:  # noqa: A002
    """Return who else sent the same customers, and where to."""
    here = desk(request)
    with refusals():
        here.quarantine.show(id)
    return models.SameCustomers.model_validate(asdict(elsewhere(here.ledger, id)))


@router.get("/transfers/{id}/actor")
def actor(request: Request, _: Analyst, id: Id) -> models.Actor:  # noqa: A002
    """Return all that the sender of a transfer sent."""
    here = desk(request)
    with refusals():
        found = of_entry(here.ledger, here.quarantine.show(id))
    return models.Actor.model_validate({n: v for n, v in asdict(found).items() if n != "last"})


@router.post("/transfers/{id}/release")
def release(request: Request, who: Reviewer, id: Id, wanted: models.Release) -> models.Decided:  # noqa: A002
    """Let the sender's retry of exactly this transfer pass once. It may wait for a second reviewer."""
    with refusals():
        lasts = dt.timedelta(hours=wanted.hours)
        state = desk(request).decisions(who.name).release(id, reasoned(wanted.reason), lasts)
    return models.Decided(id=id, state=state, waits=state is not State.RELEASED)


@router.post("/transfers/{id}/deny")
def deny(request: Request, who: Reviewer, id: Id, wanted: models.Reasoned) -> models.Decided:  # noqa: A002
    """Keep a transfer from its destination for good."""
    with refusals():
        desk(request).decisions(who.name).deny(id, reasoned(wanted.reason))
    return models.Decided(id=id, state=State.DENIED, waits=False)


@router.post("/transfers/{id}/confirm")
def confirm(request: Request, who: Reviewer, id: Id, wanted: models.Reasoned) -> models.Decided:  # noqa: A002
    """Keep a transfer from its destination for good: it was a leak."""
    with refusals():
        desk(request).decisions(who.name).confirm(id, reasoned(wanted.reason))
    return models.Decided(id=id, state=State.CONFIRMED, waits=False)


@router.post(
    "/transfers/{id}/open",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The body, in clear."},
        202: {"model": models.Decided, "description": "It waits for a second reviewer."},
    },
)
def open_body(request: Request, who: Reviewer, id: Id, wanted: models.Opening) -> Response:  # noqa: A002
    """Return a body in clear. Every opening is recorded."""
    given = Given(wanted.reason, wanted.passphrase, wanted.key.encode())
    with refusals():
        reasoned(wanted.reason)
        found = opened(desk(request), who.name, id, given)
        if found is not None:
            return as_file(id, found)
        state = desk(request).quarantine.show(id).state
    waits = models.Decided(id=id, state=state, waits=True)
    return Response(waits.model_dump_json(), 202, media_type="application/json")
