"""Nobody else's page acts in a reviewer's name: every unsafe request is checked twice.

By what the browser says of its origin (``Sec-Fetch-Site``, or ``Origin`` where it is older), and by a token
that itsdangerous signs over a random value of the session, as Flask-WTF does it. Requests with a token of the
API have no cookie's rights and need neither.
"""

from __future__ import annotations

import hmac
import secrets
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from itsdangerous import BadData, URLSafeTimedSerializer

from exfilter.review.access import Unsigned, has_token, person

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD, HEADER = "csrf", "x-csrf-token"
KEPT = "csrf"
"""Name of the random value in the session."""
LASTS = 24 * 3600
"""Seconds: longer than a session."""
OPEN = "/login"
"""Where nobody is logged in yet."""


def token(request: Request) -> str:
    """Return the token for a form on this page."""
    if KEPT not in request.session:
        request.session[KEPT] = secrets.token_urlsafe(24)
    return _signer(request).dumps(request.session[KEPT])


async def unforged(request: Request) -> None:
    """Let pass what this desk's own pages send. Raises HTTPException 403, or Unsigned."""
    if request.method in SAFE or has_token(request):
        return
    if not from_here(request):
        raise HTTPException(HTTPStatus.FORBIDDEN, "this was sent by another site: nothing was done")
    if not await _has_token(request):
        if request.url.path != OPEN and person(request) is None:
            raise Unsigned
        raise HTTPException(HTTPStatus.FORBIDDEN, "this form is too old: go back, reload the page, try again")


def from_here(request: Request) -> bool:
    """Whether the browser says so. Under no-referrer a form's origin may be ``null``: the token decides."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.headers.get("host")


async def _has_token(request: Request) -> bool:
    shown = request.headers.get(HEADER) or (await request.form()).get(FIELD)
    kept = request.session.get(KEPT)
    if not isinstance(shown, str) or not isinstance(kept, str):
        return False
    try:
        return hmac.compare_digest(str(_signer(request).loads(shown, max_age=LASTS)), kept)
    except BadData:
        return False


def _signer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(request.app.state.register.secret, salt="csrf")
