"""Everybody's own page: another password, tokens for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from exfilter.review import recorded
from exfilter.review.access import SESSION, Person, Role, needs
from exfilter.review.answering import refusals
from exfilter.review.pages import login
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)

Anybody = Annotated[Person, Depends(needs(Role.ANALYST))]
Text = Annotated[str, Form()]
MOST_DAYS = 366


@router.get("/account")
def account(request: Request, who: Anybody) -> Response:
    """Show the own account."""
    return _shown(request, who)


@router.post("/account/password")
async def password(request: Request, who: Anybody, old: Text, new: Text, again: Text) -> Response:
    """Change the own password: all sessions end but this browser's, which gets a new one."""
    state = request.app.state
    if new != again:
        return await anyio.to_thread.run_sync(_shown, request, who, "The new passwords differ.")
    wait = state.attempts.wait_inside(request.session[SESSION])
    if wait:
        return await anyio.to_thread.run_sync(_shown, request, who, f"Try again in {wait} seconds.")
    return await anyio.to_thread.run_sync(_change, request, who, old, new, limiter=state.hashing)


def _change(request: Request, who: Person, old: str, new: str) -> Response:
    state = request.app.state
    accounts = state.register.accounts
    if accounts.verified(who.name, old) is None:
        state.record(who.name, recorded.FAILED, login.address(request), "old password")
        return _shown(request, who, "The old password is not right.")
    try:
        with refusals():
            recorded.doing(
                state.record, who.name, recorded.PASSWORD, who.name, "",
                lambda: accounts.set_password(who.name, new),
            )  # fmt: skip
    except HTTPException as refused:
        return _shown(request, who, refused.detail)
    answer = RedirectResponse("/account?done=password", HTTPStatus.SEE_OTHER)
    login.begin(request, answer, who, "changed password")
    return answer


@router.post("/account/tokens")
def add_token(
    request: Request,
    who: Anybody,
    label: Text,
    days: Annotated[int, Form(ge=1, le=MOST_DAYS)],
    role: Annotated[Role, Form()],
) -> Response:
    """Make a token, and show it once."""
    state = request.app.state
    reason = f"{role}, {days} days: {label}"
    try:
        with refusals():
            made = recorded.doing(
                state.record, who.name, recorded.TOKEN, who.name, reason,
                lambda: state.register.tokens.add(who.name, role, days, label),
            )  # fmt: skip
    except HTTPException as refused:
        return _shown(request, who, refused.detail)
    return _shown(request, who, token=made)


@router.post("/account/tokens/{id}/revoke")
def revoke_token(request: Request, who: Anybody, id: str) -> Response:  # noqa: A002 - the parameter's name
    """End an own token."""
    state = request.app.state
    if not any(each.id == id and each.account == who.name for each in state.register.tokens.listed()):
        return _shown(request, who, "There is no such token of yours.")
    recorded.doing(state.record, who.name, recorded.REVOKE, id, "", lambda: state.register.tokens.revoke(id))
    return RedirectResponse("/account", HTTPStatus.SEE_OTHER)


def _shown(request: Request, who: Person, trouble: str = "", token: str = "") -> Response:
    register = request.app.state.register
    tokens = [each for each in register.tokens.listed() if each.account == who.name]
    roles = [role for role in Role if who.role.includes(role)]
    given = {"account": register.accounts.get(who.name), "tokens": tokens, "roles": roles, "token": token}
    done = request.query_params.get("done") == "password"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK
    return page(request, "account.html", status=status, trouble=trouble, done=done, **given)
