"""The desk as an ASGI application: guards, pages and API put together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import anyio
from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from exfilter import __version__
from exfilter.ledger import Ledger, open_ledger
from exfilter.review import errors, forgery, passwords, routes
from exfilter.review.api import own
from exfilter.review.attempts import Attempts
from exfilter.review.desk import Desk
from exfilter.review.headers import Headers
from exfilter.review.oidc import Issuer
from exfilter.review.pages import account, login, openid, people
from exfilter.review.pairs import Pairs
from exfilter.review.recorded import recording
from exfilter.review.register import Register
from exfilter.review.rendering import STATIC
from exfilter.review.served import Served
from exfilter.settings import Settings

HASHING = 2
"""Passwords that are checked at a time: each takes 64 MiB and a tenth of a second."""
BODY = 1 << 20
"""Bytes of the largest request: forms are small."""
ROUTERS = (login.router, openid.router, account.router, people.router, own.router)


def make(
    given: Settings, served: Served | None = None, told: Callable[[str], None] = lambda _: None
) -> FastAPI:
    """Open the folder's register and ledger, and return the desk on them. Raises OSError or ValueError.

    ``app.state`` has settings, served, register, ledger, desk and record; they are closed when the server
    ends. ``told`` hears of what breaks, without any value.
    """
    how = served or Served()
    register = Register.open(given)
    ledger = open_ledger(given)
    desk = Desk.open(given, ledger, Pairs(register.accounts))
    app = FastAPI(
        title="exfilter review",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=_middleware(how, register.secret, told),
        dependencies=[Depends(forgery.unforged)],
        lifespan=_closing(desk, register, ledger),
    )
    state = app.state
    state.settings, state.served, state.told, state.desk = given, how, told, desk
    state.register, state.ledger, state.record = register, ledger, recording(ledger)
    state.attempts, state.hashing = Attempts(register.secret), anyio.CapacityLimiter(HASHING)
    state.issuer = Issuer.of(given, how, register.secret)
    passwords.fits("", "")  # Makes what unknown names are checked against: the first takes no longer.
    errors.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (*ROUTERS, *routes.DESK):
        app.include_router(router)
    return app


def _middleware(served: Served, secret: str, told: Callable[[str], None]) -> list[Middleware]:
    """Return the guards, outermost first."""
    return [
        Middleware(Headers, secure=served.secure, told=told),
        Middleware(TrustedHostMiddleware, allowed_hosts=served.hosts, www_redirect=False),
        Middleware(RequestBodyLimitMiddleware, max_body_size=BODY),
        Middleware(
            SessionMiddleware,
            secret_key=secret,
            session_cookie=served.cookie("session"),
            max_age=None,
            same_site="strict",
            https_only=served.secure,
        ),
    ]


def _closing(
    desk: Desk, register: Register, ledger: Ledger
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            desk.close()
            ledger.close()
            register.close()

    return lifespan
