"""Pages out of templates: everything is escaped, and what a sender named is spelled out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from exfilter.quarantine.entries import printable
from exfilter.review import forgery, words
from exfilter.review.access import Role, person

HERE = Path(__file__).parent
STATIC = HERE / "static"
SIGNED_IN = (
    ("/", "Queue", Role.ANALYST),
    ("/cases", "Cases", Role.ANALYST),
    ("/dashboard", "Dashboard", Role.ANALYST),
    ("/audit", "Audit", Role.ANALYST),
    ("/people", "People", Role.ADMIN),
)
"""The navigation: path, word, and who sees it."""


def page(
    request: Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """Return a page. Its template knows ``values``, ``who`` (Person or None), ``path`` and ``csrf()``."""
    who = getattr(request.state, "person", None)
    given: dict[str, Any] = {
        "who": who,
        "links": [(path, word) for path, word, role in SIGNED_IN if who and who.role.includes(role)],
        "path": request.url.path,
        "csrf": lambda: _hidden(forgery.token(request)),
    }
    text = environment().get_template(template).render(**given | values)
    return HTMLResponse(text, status, headers)


def signed_in(request: Request) -> bool:
    """Whether somebody is logged in; pages rendered afterwards show the navigation."""
    return person(request) is not None


@cache
def environment() -> jinja2.Environment:
    """Return the templates. An unknown name is an error, and nothing is marked safe by its file's name."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["shown"] = printable
    found.filters["day"] = day
    found.filters |= words.FILTERS
    return found


def day(seconds: float | None) -> str:
    """Return a time as a reader writes it, UTC. None: never."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M}" if seconds is not None else "never"


def _hidden(token: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(forgery.FIELD, token)
