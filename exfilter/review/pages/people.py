"""Who may: the admins' page of accounts and tokens."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from exfilter.review import recorded
from exfilter.review.access import Person, Role, needs
from exfilter.review.accounts import spelt
from exfilter.review.answering import refusals
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)

Admin = Annotated[Person, Depends(needs(Role.ADMIN))]
Text = Annotated[str, Form()]


@router.get("/people")
def people(request: Request, _: Admin) -> Response:
    """List accounts and tokens."""
    return _shown(request)


@router.post("/people")
def add(request: Request, who: Admin, name: Text, role: Annotated[Role, Form()], password: Text) -> Response:
    """Make an account."""
    register = request.app.state.register
    return _done(
        request,
        who,
        recorded.ADD,
        name,
        f"as {role}",
        lambda: register.accounts.add(name, role, password, who.name),
    )


@router.post("/people/{name}/role")
def role(request: Request, who: Admin, name: str, role: Annotated[Role, Form()]) -> Response:
    """Give an account another role."""
    accounts = request.app.state.register.accounts
    return _done(request, who, recorded.ROLE, name, f"to {role}", lambda: accounts.set_role(name, role))


@router.post("/people/{name}/disable")
def disable(request: Request, who: Admin, name: str) -> Response:
    """Lock an account."""
    accounts = request.app.state.register.accounts
    return _done(request, who, recorded.DISABLE, name, "", lambda: accounts.disable(name))


@router.post("/people/{name}/enable")
def enable(request: Request, who: Admin, name: str) -> Response:
    """Unlock an account."""
    accounts = request.app.state.register.accounts
    return _done(request, who, recorded.ENABLE, name, "", lambda: accounts.enable(name))


@router.post("/people/{name}/password")
def password(request: Request, who: Admin, name: str, password: Text) -> Response:
    """Give an account another password."""
    accounts = request.app.state.register.accounts
    return _done(
        request, who, recorded.PASSWORD, name, "", lambda: accounts.set_password(name, password, who.name)
    )


@router.post("/people/tokens/{id}/revoke")
def revoke(request: Request, who: Admin, id: str) -> Response:  # noqa: A002 - the parameter's name
    """End a token."""
    tokens = request.app.state.register.tokens
    return _done(request, who, recorded.REVOKE, id, "", lambda: tokens.revoke(id), is_name=False)


def _done(
    request: Request,
    who: Person,
    act: str,
    subject: str,
    reason: str,
    action: Callable[[], object],
    *,
    is_name: bool = True,
) -> Response:
    """Do it, recorded, and show the page again; with what was wrong, where something was."""
    try:
        with refusals():
            known = spelt(subject) if is_name else subject
            recorded.doing(request.app.state.record, who.name, act, known, reason, action)
    except HTTPException as refused:
        return _shown(request, refused.detail)
    return RedirectResponse("/people", HTTPStatus.SEE_OTHER)


def _shown(request: Request, trouble: str = "") -> Response:
    register = request.app.state.register
    status = HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK
    given = {"accounts": register.accounts.listed(), "tokens": register.tokens.listed(), "roles": list(Role)}
    return page(request, "people.html", status=status, trouble=trouble, **given)
