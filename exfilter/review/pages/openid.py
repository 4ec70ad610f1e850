"""Leaving for the company's log-in, and coming back."""

from __future__ import annotations

from http import HTTPStatus

import anyio
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from exfilter.review import recorded
from exfilter.review.access import Person
from exfilter.review.accounts import Accounts, spelt
from exfilter.review.oidc import COOKIE, Issuer, NoRole, NotLoggedIn, Someone
from exfilter.review.onward import inside
from exfilter.review.pages import login
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/login/openid")
async def leave(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's name
    """Send the browser to the issuer."""
    try:
        return await _issuer(request).leave(request, inside(next))
    except NotLoggedIn as refused:
        return await anyio.to_thread.run_sync(_failed, request, str(refused))


@router.get("/login/back", name="openid-back")
async def back(request: Request) -> Response:
    """Begin a session for who comes back from the issuer."""
    try:
        someone, onward = await _issuer(request).arrived(request)
        answer = await anyio.to_thread.run_sync(_begun, request, someone, inside(onward))
    except NoRole as refused:
        answer = await anyio.to_thread.run_sync(_ended, request, refused)
    except NotLoggedIn as refused:
        answer = await anyio.to_thread.run_sync(_failed, request, str(refused))
    served = request.app.state.served
    answer.delete_cookie(served.cookie(COOKIE), secure=served.secure, httponly=True, samesite="lax")
    return answer


def _begun(request: Request, someone: Someone, onward: str) -> Response:
    """Return a page that goes on by itself: a redirect from elsewhere leaves the new cookie behind."""
    state = request.app.state
    try:
        who = _known(state.register.accounts, state.record, someone)
    except ValueError:
        msg = "Your name is taken by another account here, or cannot be one. An admin of this desk can help."
        raise NotLoggedIn(msg) from None
    if who is None:
        msg = "Your account is disabled."
        raise NotLoggedIn(msg)
    answer = page(request, "onward.html", to=onward)
    login.begin(request, answer, who, "OpenID Connect")
    return answer


def _known(accounts: Accounts, record: recorded.Record, someone: Someone) -> Person | None:
    """Return who it is. A new account and a new role are written down. None: disabled."""
    account = accounts.of(someone.subject)
    if account and (account.disabled or account.role == someone.role):
        return accounts.outside(account.name, someone.role, someone.subject)
    act, word = (recorded.ROLE, "to") if account else (recorded.ADD, "as")
    return recorded.doing(
        record, recorded.ISSUER, act, account.name if account else spelt(someone.name),
        f"{word} {someone.role}",
        lambda: accounts.outside(someone.name, someone.role, someone.subject),
    )  # fmt: skip


def _ended(request: Request, refused: NoRole) -> Response:
    """Lock the account of who has no role any more: what it opened before must not stay open."""
    state = request.app.state
    account = state.register.accounts.of(refused.subject)
    if account and not account.disabled:
        state.record(recorded.ISSUER, recorded.DISABLE, account.name, "no role any more")
        state.register.accounts.end(account.name)
    return _failed(request, str(refused))


def _failed(request: Request, why: str) -> Response:
    state = request.app.state
    where = login.address(request)
    if state.attempts.is_recorded(where):
        state.record(recorded.STRANGER, recorded.FAILED, where, f"OpenID Connect: {why}")
    return login.shown(request, "/", why)


def _issuer(request: Request) -> Issuer:
    found: Issuer | None = request.app.state.issuer
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found
