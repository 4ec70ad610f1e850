"""What a refusal of the desk becomes for a visitor: a status, and a sentence that says the next step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import HTTPException, Path, Request

from exfilter.quarantine import AskedAlready, IllegalMove, Unknown
from exfilter.review.cases import NoCase
from exfilter.review.desk import Busy, Desk
from exfilter.review.foreign import is_foreign

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
"""Of a case, as the database can count them."""

STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (Unknown, HTTPStatus.NOT_FOUND),
    (NoCase, HTTPStatus.NOT_FOUND),
    (IllegalMove, HTTPStatus.CONFLICT),
    (AskedAlready, HTTPStatus.CONFLICT),
    (ValueError, HTTPStatus.UNPROCESSABLE_ENTITY),
)
"""The first that fits."""


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the desk refuses into an answer."""
    try:
        yield
    except Busy:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "another body is being opened: try again", {"Retry-After": "10"}
        ) from None
    except ValueError as error:
        if is_foreign(error):
            raise  # It is answered as what broke.
        status = next(status for kind, status in STATUSES if isinstance(error, kind))
        raise HTTPException(status, str(error)) from None


def desk(request: Request) -> Desk:
    """Return the desk of the running application."""
    found: Desk = request.app.state.desk
    return found


def reasoned(reason: str) -> str:
    """Return a reason that somebody typed. Raises ValueError for an empty one."""
    short = " ".join(reason.split())
    if len(short) < 3:
        msg = "say why: the reason stays in the history"
        raise ValueError(msg)
    return short[:1000]
