"""What a visitor is told when it did not work: a page, or JSON for programs. Never what was sent."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from exfilter.review.access import Unsigned, is_api, person
from exfilter.review.mistakes import mistake
from exfilter.review.onward import inside
from exfilter.review.rendering import page


def install(app: FastAPI) -> None:
    """Answer all that can go wrong."""
    app.add_exception_handler(Unsigned, _unsigned)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OSError, _broken)


def answer(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """Return the page or the JSON of an error."""
    if is_api(request):
        return JSONResponse({"detail": detail, **more}, status, headers)
    try:
        person(request)
    except OSError:
        request.state.person = None
    title = HTTPStatus(status).phrase
    return page(request, "error.html", status=status, headers=headers, title=title, detail=detail)


def _unsigned(request: Request, _: Exception) -> Response:
    if is_api(request):
        return answer(request, 401, "log in, or show a token", {"WWW-Authenticate": "Bearer"})
    if _comes_from_elsewhere(request):
        # The browser keeps back a strict cookie on a link from elsewhere, but not on what this page asks for.
        again = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return page(request, "onward.html", to=inside(again))
    path = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    return RedirectResponse(f"/login?next={quote(path + query, safe='')}", 303)


def _comes_from_elsewhere(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    return request.method == "GET" and site in {"cross-site", "same-site"}


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is installed for
    headers = dict(error.headers) if error.headers else None
    return answer(request, error.status_code, str(error.detail), headers)


def _invalid(request: Request, error: Exception) -> Response:
    """Say which fields are wrong and what may be given, not what stood in them."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = dict.fromkeys(mistake(each) for each in error.errors())
    detail = "; ".join(f"{field}: {wrong}" for field, wrong in found)
    fields = [{"field": field, "wrong": wrong} for field, wrong in found]
    return answer(request, 422, detail[:1000], fields=fields)


def _broken(request: Request, error: Exception) -> Response:
    request.app.state.told(
        f"{type(error).__name__}: a database or a file could not be used; see the disk and the log"
    )
    return answer(request, 503, "a database or a file could not be used: nothing was done; try again later")
