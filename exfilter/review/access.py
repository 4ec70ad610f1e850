"""Who may: the roles, and the guard that stands before every page and every call of the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request

from exfilter.review.roles import Person, Role

__all__ = ["Needs", "Person", "Role", "Unsigned", "needs", "person"]

SESSION = "session"
"""Name of the session's id in the signed cookie."""
API = "/api/"
BEARER = "bearer "


class Unsigned(Exception):  # noqa: N818 - a visitor, no error
    """Nobody is logged in: a page leads to the log-in, the API answers 401."""


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency: somebody with at least this role."""

    role: Role

    def __call__(self, request: Request) -> Person:
        """Return who it is. Raises Unsigned, or HTTPException 403."""
        found = person(request)
        if found is None:
            raise Unsigned
        if not found.role.includes(self.role):
            raise HTTPException(HTTPStatus.FORBIDDEN, f"this needs the role {self.role}")
        return found


def needs(role: Role) -> Callable[[Request], Person]:
    """Return the guard: ``who: Annotated[Person, Depends(needs(Role.REVIEWER))]``."""
    return Needs(role)


def person(request: Request) -> Person | None:
    """Return whose request it is, by its token (API only) or its session. Asked once a request."""
    if not hasattr(request.state, "person"):
        request.state.person = _by_token(request) if has_token(request) else _by_session(request)
    found: Person | None = request.state.person
    return found


def has_token(request: Request) -> bool:
    """Whether the request shows a token, good or not: then no session counts, and nothing can be forged."""
    return request.headers.get("authorization", "").lower().startswith(BEARER)


def is_api(request: Request) -> bool:
    """Whether the answer is read by a program."""
    return request.url.path.startswith(API)


def _by_token(request: Request) -> Person | None:
    if not is_api(request):
        return None
    found: Person | None = _state(request).tokens.person(request.headers["authorization"][len(BEARER) :])
    return found


def _by_session(request: Request) -> Person | None:
    secret = request.session.get(SESSION, "")
    found: Person | None = _state(request).sessions.person(secret) if isinstance(secret, str) else None
    return found


def _state(request: Request) -> Any:  # noqa: ANN401 - exfilter.review.register.Register, which knows the roles
    return request.app.state.register
