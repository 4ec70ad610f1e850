"""Logging in and out. Every log-in, every failure and every log-out is written down before it counts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from exfilter.review import recorded
from exfilter.review.access import SESSION, Person, Role, needs, person
from exfilter.review.accounts import folded
from exfilter.review.onward import inside
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/login")
def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's name
    """Show the form; who is logged in already goes on."""
    if person(request):
        return RedirectResponse(inside(next), HTTPStatus.SEE_OTHER)
    return shown(request, next)


@router.post("/login")
async def log_in(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Begin a session, or say that name and password do not fit together."""
    state, known = request.app.state, folded(name)
    browser = known_browser(request)
    wait = state.attempts.wait(known, address(request), browser)
    if wait:
        await anyio.to_thread.run_sync(_refused, request, known)
        return shown(request, next, f"Too many attempts. Try again in {wait} seconds.", wait)
    found = await anyio.to_thread.run_sync(_checked, request, known, password, limiter=state.hashing)
    if found is None:
        return shown(request, next, "Name and password do not fit together.")
    state.attempts.succeeded(known, address(request), browser)
    answer = RedirectResponse(inside(next), HTTPStatus.SEE_OTHER)
    await anyio.to_thread.run_sync(begin, request, answer, found, "password")
    return answer


@router.post("/logout")
def log_out(request: Request, who: Annotated[Person, Depends(needs(Role.ANALYST))]) -> Response:
    """End the session."""
    request.app.state.register.sessions.end(request.session[SESSION])
    request.session.clear()
    request.app.state.record(who.name, recorded.LOG_OUT, address(request), "")
    return RedirectResponse("/login", HTTPStatus.SEE_OTHER)


def begin(request: Request, answer: Response, who: Person, how: str) -> None:
    """Log somebody in: a new session id, a new token for forms, and a browser that is known from now on."""
    state = request.app.state
    state.record(who.name, recorded.LOG_IN, address(request), how)
    old = request.session.get(SESSION)
    if isinstance(old, str):
        state.register.sessions.end(old)
    request.session.clear()
    request.session[SESSION] = state.register.sessions.begin(who.name)
    state.served.set_cookie(answer, "browser", state.attempts.remember(who.name), days=90)


def address(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else "nowhere"


def known_browser(request: Request) -> str:
    """Return the cookie of a browser that was logged in before; empty: none."""
    return request.cookies.get(request.app.state.served.cookie("browser"), "")


def _checked(request: Request, name: str, password: str) -> Person | None:
    state = request.app.state
    found: Person | None = state.register.accounts.verified(name, password)
    if found is None:
        state.record(_existing(request, name), recorded.FAILED, address(request), "name or password")
    return found


def _refused(request: Request, name: str) -> None:
    if request.app.state.attempts.is_first(name, address(request)):
        who = _existing(request, name)
        request.app.state.record(who, recorded.FAILED, address(request), "too many attempts")


def _existing(request: Request, name: str) -> str:
    try:
        return str(request.app.state.register.accounts.get(name).name)
    except ValueError:
        return recorded.STRANGER


def shown(request: Request, next_: str, trouble: str = "", wait: int = 0) -> Response:
    """Return the form, with what was wrong."""
    values: dict[str, Any] = {
        "next": inside(next_),
        "trouble": trouble,
        "outside": request.app.state.issuer is not None,
    }
    headers = {"Retry-After": str(wait)} if wait else {}
    status = HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.FORBIDDEN if trouble else HTTPStatus.OK
    return page(request, "login.html", status=status, headers=headers, **values)
