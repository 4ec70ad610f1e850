"""What a sender sees instead of the answer: what happened, what to do, and the transfer's id.

No value of the transfer, no rule and no number: whoever tries what passes would learn from them.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass

from mitmproxy.http import Response

HEADER = "X-Exfilter-Transfer"
RETRY_SECONDS = 10

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 36em; margin: 10vh auto; padding: 0 1em;
  background: Canvas; color: CanvasText }}
code {{ font-size: 1.1em; user-select: all; overflow-wrap: anywhere }}
a {{ color: LinkText }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{reference}<h2>What to do now</h2>
<p>{advice}</p>
{contact}</main>
</body>
</html>
"""
_REFERENCE = "<p>Transfer id: <code>{id}</code></p>\n"
_CONTACT = "<p>Reviewers: {contact}</p>\n"


@dataclass(frozen=True, slots=True)
class _Said:
    status: int
    title: str
    text: str
    advice: str
    transfer_id: str = ""
    """Empty: it is not kept."""
    contact: str = ""
    """How to reach the reviewers. Empty: nobody said."""


def held(transfer_id: str, accept: str = "", contact: str = "") -> Response:
    """Answer for a transfer that waits in the quarantine."""
    said = _Said(
        403,
        "Held for review",
        "This transfer was not sent. It is held for review, and nothing of it has reached its destination.",
        "If it has to be sent, ask the reviewers and give them the transfer id. When they have released it, "
        "send the very same once more. If it was a mistake, there is nothing to do.",
        transfer_id,
        contact,
    )
    return _answer(said, accept)


def refused(accept: str = "", contact: str = "") -> Response:
    """Answer for a transfer that could be neither checked nor kept: the door's fail-closed state."""
    said = _Said(
        503,
        "Not checked, not sent",
        "This transfer could not be checked, so it was not sent, and it was not kept.",
        "Try again later. If it happens again, tell those who look after the proxy.",
        contact=contact,
    )
    return _answer(said, accept)


def busy(accept: str = "", seconds: int = RETRY_SECONDS) -> Response:
    """Answer for a transfer that came while too many others were being checked."""
    said = _Said(
        503,
        "Busy, not sent",
        "Many transfers are being checked at the moment. This one was not sent, and it was not kept.",
        "Try again in a moment.",
    )
    answer = _answer(said, accept)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def said(transfer_id: str) -> str:
    """Return one line for protocols that have no page: at most 123 bytes, as RFC 6455 allows."""
    return f"not sent, held for review: {transfer_id}" if transfer_id else "not sent: it could not be checked"


def head_too_large() -> Response:
    """Answer for a request whose head has no end."""
    said = _Said(
        431,
        "Request header fields too large",
        "This request was not sent: its head is larger than any that is read.",
        "Delete the cookies of the site, or tell those who look after the program that sent it.",
    )
    return _answer(said, "")


def sign_in(accept: str = "") -> Response:
    """Ask a client for a user's name and password (RFC 9110, section 15.5.8; RFC 7617)."""
    said = _Said(
        407,
        "Who is there?",
        "This transfer was not sent: the proxy does not know who sends it.",
        "Say who you are, with a user name and password for this proxy.",
    )
    answer = _answer(said, accept)
    answer.headers["Proxy-Authenticate"] = 'Basic realm="exfilter", charset="UTF-8"'
    return answer


def no_certificate(accept: str = "") -> Response:
    """Answer to a client that did not show a certificate of the company."""
    said = _Said(
        403,
        "No valid client certificate",
        "This transfer was not sent: this proxy serves who shows a client certificate, over HTTPS to it.",
        "Ask those who look after the proxy for a certificate, and how to use it.",
    )
    return _answer(said, accept)


def too_large(limit: int, accept: str = "", contact: str = "") -> Response:
    """Answer for a body that is larger than this door reads."""
    said = _Said(
        413,
        "Too large to be checked",
        f"This transfer was not sent: it is larger than the {limit:,} bytes that can be checked.",
        "Ask the reviewers for another way.",
        contact=contact,
    )
    return _answer(said, accept)


def no_method(accept: str = "") -> Response:
    """Answer for a request whose method is no word."""
    said = _Said(
        405,
        "Method not allowed",
        "This request was not sent: its method is not made of capital letters and hyphens.",
        "Tell those who look after the program that sent it.",
    )
    return _answer(said, accept)


def trailers(accept: str = "") -> Response:
    """Answer for a request with trailers, which cannot be read."""
    said = _Said(
        501,
        "Trailers are not supported",
        "This request was not sent: fields behind its body (trailers) cannot be checked.",
        "Tell those who look after the program that sent it.",
    )
    return _answer(said, accept)


def _answer(said: _Said, accept: str) -> Response:
    if _prefers_json(accept):
        kind, body = "application/json", _json(said)
    else:
        kind, body = "text/html; charset=utf-8", _html(said)
    headers = {
        "Content-Type": kind,
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    if said.transfer_id:
        headers[HEADER] = said.transfer_id
    return Response.make(said.status, body, headers)


def _json(said: _Said) -> str:
    fields = {
        "error": said.title,
        "message": said.text,
        "next": said.advice,
        "transfer": said.transfer_id or None,
        "contact": said.contact or None,
    }
    return json.dumps(fields) + "\n"


def _html(said: _Said) -> str:
    return _PAGE.format(
        title=html.escape(said.title),
        text=html.escape(said.text),
        advice=html.escape(said.advice),
        reference=_REFERENCE.format(id=html.escape(said.transfer_id)) if said.transfer_id else "",
        contact=_CONTACT.format(contact=html.escape(said.contact)) if said.contact else "",
    )


def _prefers_json(accept: str) -> bool:
    weights = {"application/json": 0.0, "text/html": 0.0}
    for entry in accept.lower().split(","):
        kind, _, parameters = entry.partition(";")
        if kind.strip() in weights:
            weights[kind.strip()] = _weight(parameters)
    return weights["application/json"] > weights["text/html"]


def _weight(parameters: str) -> float:
    """Return the quality value of RFC 9110, section 12.4.2; 0 for a malformed one."""
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
