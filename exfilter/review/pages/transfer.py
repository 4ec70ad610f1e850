"""The page of a held transfer: what is in it, why it is held, who sent it, and the decision."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from exfilter.quarantine import State
from exfilter.review import why
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk, reasoned, refusals
from exfilter.review.cases import ADD, OPEN_CASE, CaseState, MemberKind
from exfilter.review.charts import chart
from exfilter.review.elsewhere import elsewhere
from exfilter.review.pages.queue import Wanted, decide
from exfilter.review.picture import of_entry
from exfilter.review.rendering import page
from exfilter.review.stale import stale

router = APIRouter(include_in_schema=False)

Analyst = Annotated[Person, Depends(needs(Role.ANALYST))]
Reviewer = Annotated[Person, Depends(needs(Role.REVIEWER))]
Id = Annotated[str, Path(max_length=80)]
Reason = Annotated[str, Form(max_length=4000)]


@router.get("/transfers/{id}")
def transfer(request: Request, who: Analyst, id: Id) -> Response:  # noqa: A002 - the path's name
    """Show one transfer."""
    return shown(request, who, id)


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the page's forms when it comes back with trouble. Never a key or its passphrase."""

    deciding: str = ""
    """Reason of a decision."""
    opening: str = ""
    """Reason of an opening."""
    hours: float = 24.0


def shown(
    request: Request,
    who: Person,
    transfer_id: str,
    refused: HTTPException | None = None,
    typed: Typed = Typed(),
) -> Response:
    """Return the page; where something was refused, with why and with what was typed."""
    here = desk(request)
    with refusals():
        entry = here.quarantine.show(transfer_id)
    picture = of_entry(here.ledger, entry)
    may = who.role.includes(Role.REVIEWER)
    return page(
        request, "desk/transfer.html", status=refused.status_code if refused else HTTPStatus.OK,
        trouble=refused.detail if refused else "", typed=typed, entry=entry, may=may,
        sentences=why.sentences(entry), versions=why.versions(entry), picture=picture,
        chart=chart("Customers a day", "customers", picture.days), held=entry.state is State.HELD,
        cases=here.cases.listed(holding=entry.id),
        open_cases=here.cases.listed(CaseState.OPEN) if may else [],
        stale=stale(here.given, entry) if may and entry.redeemed is None else [],
        second=here.given.second_reviewer, has_key=here.given.reviewer_key.exists(),
    )  # fmt: skip


@router.post("/transfers/{id}/decide")
def decided(
    request: Request,
    who: Reviewer,
    id: Id,  # noqa: A002
    wanted: Annotated[Wanted, Form()],
    reason: Reason = "",
    hours: Annotated[float, Form(ge=0.01, le=8784)] = 24.0,
) -> Response:
    """Decide; who comes second is told who was first."""
    try:
        with refusals():
            decide(desk(request).decisions(who.name), id, wanted, reasoned(reason), hours)
    except HTTPException as refused:
        if refused.status_code == HTTPStatus.NOT_FOUND:
            raise
        return shown(request, who, id, refused, Typed(deciding=reason, hours=hours))
    return RedirectResponse(f"/transfers/{id}", HTTPStatus.SEE_OTHER)


@router.get("/transfers/{id}/elsewhere")
def same_customers(request: Request, _: Analyst, id: Id) -> Response:  # noqa: A002
    """Show who else sent the same customers, and where to."""
    here = desk(request)
    with refusals():
        entry = here.quarantine.show(id)
    return page(request, "desk/elsewhere.html", entry=entry, found=elsewhere(here.ledger, id))


@router.post("/transfers/{id}/case")
def to_case(
    request: Request,
    who: Reviewer,
    id: Id,  # noqa: A002
    case: Annotated[str, Form(max_length=18)] = "",
    title: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Add a transfer to a case, or open a new one for it."""
    here = desk(request)
    with refusals():
        here.quarantine.show(id)
        number = int(case) if case.isascii() and case.isdigit() else 0
        if not number:
            with here.doing(who.name, OPEN_CASE, [id], title):
                number = here.cases.begin(title, who.name)
        with here.doing(who.name, ADD, [f"case {number}: transfer {id}"], ""):
            here.cases.add(number, MemberKind.TRANSFER, [id], who.name)
    return RedirectResponse(f"/cases/{number}", HTTPStatus.SEE_OTHER)
