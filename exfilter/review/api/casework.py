"""Cases, for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from exfilter.review import cases, report, traces
from exfilter.review.answering import Number, desk, reasoned, refusals
from exfilter.review.api import models
from exfilter.review.api.parameters import all_known
from exfilter.review.api.transfers import TROUBLE, Analyst, Reviewer
from exfilter.review.belonging import known
from exfilter.review.cases import CaseState, MemberKind
from exfilter.review.pages.body import INERT

router = APIRouter(prefix="/api/v1", tags=["cases"], responses=TROUBLE, dependencies=[Depends(all_known)])


@router.get("/cases")
def listed(
    request: Request, _: Analyst, state: Annotated[CaseState | None, Query()] = None
) -> list[models.CaseLine]:
    """List the cases, last changed first."""
    found = desk(request).cases.listed(state)
    return [models.CaseLine.model_validate(each, from_attributes=True) for each in found]


@router.post("/cases", status_code=201)
def begin(request: Request, who: Reviewer, wanted: models.Title) -> models.WholeCase:
    """Open a case."""
    here = desk(request)
    with refusals(), here.doing(who.name, cases.OPEN_CASE, [wanted.title], ""):
        return models.case(here.cases.get(here.cases.begin(wanted.title, who.name)))


@router.get("/cases/{number}")
def case(request: Request, _: Analyst, number: Number) -> models.WholeCase:
    """Return one case."""
    with refusals():
        return models.case(desk(request).cases.get(number))


@router.post("/cases/{number}/notes", status_code=201)
def note(request: Request, who: Reviewer, number: Number, wanted: models.NoteText) -> models.WholeCase:
    """Add a note."""
    here = desk(request)
    with refusals():
        with here.doing(who.name, cases.NOTED, [f"case {number}"], ""):
            here.cases.note(number, wanted.text, who.name)
        return models.case(here.cases.get(number))


@router.post("/cases/{number}/members", status_code=201)
def add(request: Request, who: Reviewer, number: Number, wanted: models.NewMember) -> models.WholeCase:
    """Let a transfer, an actor or the result of a trace belong to it."""
    here = desk(request)
    with refusals():
        if wanted.kind is MemberKind.TRACE:
            traces.read(wanted.content)
            name = traces.name(wanted.content)
        else:
            name = known(here, wanted.kind, wanted.name)
        content = wanted.content if wanted.kind is MemberKind.TRACE else ""
        with here.doing(who.name, cases.ADD, [f"case {number}: {wanted.kind} {name}"], ""):
            here.cases.add(number, wanted.kind, [name], who.name, content)
        return models.case(here.cases.get(number))


@router.post("/cases/{number}/state")
def set_state(request: Request, who: Reviewer, number: Number, wanted: models.Change) -> models.WholeCase:
    """Close a case, or open it again."""
    here = desk(request)
    act = cases.CLOSE_CASE if wanted.state is CaseState.CLOSED else cases.REOPEN_CASE
    with refusals():
        with here.doing(who.name, act, [f"case {number}"], reasoned(wanted.reason)):
            here.cases.set_state(number, wanted.state)
        return models.case(here.cases.get(number))


@router.post(
    "/cases/{number}/report",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}, "description": "One page to print."}},
)
def make_report(request: Request, who: Reviewer, number: Number, wanted: models.Reasoned) -> Response:
    """Return the report, which lists the affected customers. It is recorded."""
    with refusals():
        text = report.of(desk(request), number, who.name, reasoned(wanted.reason))
    name = {"Content-Disposition": f'attachment; filename="case-{number}.html"'}
    return Response(text, media_type="text/html; charset=utf-8", headers=INERT | name)
