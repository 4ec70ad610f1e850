"""A page as mitmproxy's response."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.http import Response

if TYPE_CHECKING:
    from exfilter.door.page import Page


def response(page: Page, accept: str = "", contact: str = "", transfer_id: str = "") -> Response:
    """Return what a sender gets instead of the answer: arguments as of ``Page.answer``."""
    answer = page.answer(accept, contact, transfer_id)
    return Response.make(answer.status, answer.body, dict(answer.headers))
