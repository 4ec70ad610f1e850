"""Cases: the list, a case with what belongs to it, and its report."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from exfilter.review import cases, report, traces
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import Number, desk, reasoned, refusals
from exfilter.review.belonging import known
from exfilter.review.cases import CaseState, MemberKind
from exfilter.review.pages.body import INERT
from exfilter.review.rendering import page
from exfilter.review.spelling import Spelt

router = APIRouter(include_in_schema=False)

Analyst = Annotated[Person, Depends(needs(Role.ANALYST))]
Reviewer = Annotated[Person, Depends(needs(Role.REVIEWER))]
Words = Annotated[str, Form(max_length=cases.NOTE)]
Listed = Annotated[str, Spelt("open|closed|all", "give open, closed or all"), Query()]


@router.get("/cases")
def listed(request: Request, who: Analyst, state: Listed = "open") -> Response:
    """List the cases."""
    found = desk(request).cases.listed(None if state == "all" else CaseState(state))
    may = who.role.includes(Role.REVIEWER)
    return page(request, "desk/cases.html", cases=found, state=state, may=may)


@router.post("/cases")
def begin(request: Request, who: Reviewer, title: Words = "") -> Response:
    """Open a case."""
    here = desk(request)
    with refusals(), here.doing(who.name, cases.OPEN_CASE, [title], ""):
        number = here.cases.begin(title, who.name)
    return _back(number)


@router.get("/cases/{number}")
def case(request: Request, who: Analyst, number: Number) -> Response:
    """Show one case."""
    here = desk(request)
    with refusals():
        found = here.cases.get(number)
    return page(
        request, "desk/case.html", case=found, may=who.role.includes(Role.REVIEWER),
        entries=report.entries(here, found), traces=report.traces_of(found),
        actors=found.named(MemberKind.ACTOR),
    )  # fmt: skip


@router.post("/cases/{number}/notes")
def note(request: Request, who: Reviewer, number: Number, text: Words = "") -> Response:
    """Add a note."""
    here = desk(request)
    with refusals(), here.doing(who.name, cases.NOTED, [f"case {number}"], ""):
        here.cases.note(number, text, who.name)
    return _back(number)


@router.post("/cases/{number}/members")
def add(
    request: Request, who: Reviewer, number: Number, kind: Annotated[MemberKind, Form()], name: Words = ""
) -> Response:
    """Let a transfer or an actor belong to it."""
    here = desk(request)
    with refusals():
        if kind is MemberKind.TRACE:
            msg = "attach a trace as its file"
            raise ValueError(msg)
        member = known(here, kind, name)
        with here.doing(who.name, cases.ADD, [f"case {number}: {kind} {member}"], ""):
            here.cases.add(number, kind, [member], who.name)
    return _back(number)


@router.post("/cases/{number}/remove")
def remove(
    request: Request, who: Reviewer, number: Number, kind: Annotated[MemberKind, Form()], name: Words = ""
) -> Response:
    """Let one belong to it no more."""
    here = desk(request)
    with refusals(), here.doing(who.name, cases.REMOVE, [f"case {number}: {kind} {name}"], ""):
        here.cases.remove(number, kind, name)
    return _back(number)


@router.post("/cases/{number}/trace")
def attach(request: Request, who: Reviewer, number: Number, file: Annotated[UploadFile, File()]) -> Response:
    """Attach the result of a trace."""
    text = file.file.read(cases.TRACE + 1).decode("utf-8", "replace")
    here = desk(request)
    with refusals():
        traces.read(text)
        name = traces.name(text)
        with here.doing(who.name, cases.ADD, [f"case {number}: {name}"], ""):
            here.cases.add(number, MemberKind.TRACE, [name], who.name, text)
    return _back(number)


@router.post("/cases/{number}/state")
def set_state(
    request: Request,
    who: Reviewer,
    number: Number,
    to: Annotated[CaseState, Form()],
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Close a case, or open it again."""
    here = desk(request)
    with refusals():
        act = cases.CLOSE_CASE if to is CaseState.CLOSED else cases.REOPEN_CASE
        with here.doing(who.name, act, [f"case {number}"], reasoned(reason)):
            here.cases.set_state(number, to)
    return _back(number)


@router.post("/cases/{number}/report")
def print_report(
    request: Request, who: Reviewer, number: Number, reason: Annotated[str, Form(max_length=4000)] = ""
) -> Response:
    """Return the report as a file that needs nothing else: it lists customers, so it is recorded."""
    with refusals():
        text = report.of(desk(request), number, who.name, reasoned(reason))
    name = {"Content-Disposition": f'attachment; filename="case-{number}.html"'}
    return Response(text, media_type="text/html; charset=utf-8", headers=INERT | name)


def _back(number: int) -> Response:
    return RedirectResponse(f"/cases/{number}", HTTPStatus.SEE_OTHER)
