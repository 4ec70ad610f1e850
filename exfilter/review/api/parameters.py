"""Parameters that a call does not have: a filter that is misspelt must not be one that is left out."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from exfilter.review.access import person
from exfilter.review.mistakes import NO_NAME, NO_PARAMETER


def all_known(request: Request) -> None:
    """See that each parameter stands in the API's description. Raises RequestValidationError.

    Whoever may not call at all is told that, by the guard of the call.
    """
    if not request.query_params or person(request) is None:
        return
    known = _described(request)
    kind, told = (NO_PARAMETER if known else NO_NAME), {"known": ", ".join(known)}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [{"type": kind, "loc": ("query", name), "ctx": told} for name in unknown]
        )


def _described(request: Request) -> list[str]:
    """Return the names of the parameters that this call may have."""
    calls = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    given = calls.get(request.method.lower(), {}).get("parameters", ())
    return [each["name"] for each in given if each["in"] == "query"]
