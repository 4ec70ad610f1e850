"""What a sender sees instead of the answer: what happened, what to do, and the transfer's id.

No value of the transfer, no rule and no number: whoever tries what passes would learn from them.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass

from exfilter.model import Headers

HEADER = "X-Exfilter-Transfer"

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
_CONTACT = "<p>Whom to ask: {contact}</p>\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, for whatever brings it to the sender."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What is said, in whatever form."""

    status: int
    title: str
    text: str
    advice: str
    headers: Headers = ()

    def answer(self, accept: str = "", contact: str = "", transfer_id: str = "") -> Answer:
        """Return it as the client likes it best; empty: nobody said whom to ask, nothing is kept."""
        if _prefers_json(accept):
            kind, body = "application/json", self._json(contact, transfer_id)
        else:
            kind, body = "text/html; charset=utf-8", self._html(contact, transfer_id)
        headers = (
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
            *self.headers,
            *([(HEADER, transfer_id)] if transfer_id else []),
        )
        return Answer(self.status, headers, body.encode())

    def _json(self, contact: str, transfer_id: str) -> str:
        fields = {
            "error": self.title,
            "message": self.text,
            "next": self.advice,
            "transfer": transfer_id or None,
            "contact": contact or None,
        }
        return json.dumps(fields) + "\n"

    def _html(self, contact: str, transfer_id: str) -> str:
        return _PAGE.format(
            title=html.escape(self.title),
            text=html.escape(self.text),
            advice=html.escape(self.advice),
            reference=_REFERENCE.format(id=html.escape(transfer_id)) if transfer_id else "",
            contact=_CONTACT.format(contact=html.escape(contact)) if contact else "",
        )


HELD = Page(
    403,
    "Held for review",
    "This transfer was not sent. It is held for review, and nothing of it has reached its destination.",
    "If it has to be sent, ask the reviewers and give them the transfer id. When they have released it, "
    "send the very same once more. If it was a mistake, there is nothing to do.",
)
"""It waits in the quarantine."""
REFUSED = Page(
    503,
    "Not checked, not sent",
    "This transfer could not be checked, so it was not sent, and it was not kept.",
    "Try again later. If it happens again, tell those who look after the proxy.",
)
"""It could be neither checked nor kept: the door's fail-closed state."""
BUSY = Page(
    503,
    "Busy, not sent",
    "Many transfers are being checked at the moment. This one was not sent, and it was not kept.",
    "Try again in a moment.",
    (("Retry-After", "10"),),
)
"""It came while too many others were being checked."""
UNREACHED = Page(
    502,
    "Destination not reached",
    "This transfer was not sent: its destination could not be reached, or could not prove who it is.",
    "Try again later; what was released stays released. If it happens again, tell those who look after the "
    "destination.",
)
"""Nothing of it has left the door."""
BROKEN_OFF = Page(
    502,
    "No answer from the destination",
    "The destination broke off, or its answer was not valid. Some of this transfer may have reached it.",
    "Look whether it arrived before you send it again.",
)
MALFORMED = Page(
    400,
    "Not a valid request",
    "This request was not sent: it is not as HTTP wants it.",
    "Tell those who look after the program that sent it.",
)
HEAD_TOO_LARGE = Page(
    431,
    "Request header fields too large",
    "This request was not sent: its head is larger than any that is read.",
    "Delete the cookies of the site, or tell those who look after the program that sent it.",
)
SIGN_IN = Page(
    407,
    "Who is there?",
    "This transfer was not sent: the proxy does not know who sends it.",
    "Say who you are, with a user name and password for this proxy.",
    (("Proxy-Authenticate", 'Basic realm="exfilter", charset="UTF-8"'),),
)
"""Asks for a user's name and password (RFC 9110, section 15.5.8; RFC 7617)."""
NO_CERTIFICATE = Page(
    403,
    "No valid client certificate",
    "This transfer was not sent: this proxy serves who shows a client certificate, over HTTPS to it.",
    "Ask those who look after the proxy for a certificate, and how to use it.",
)
NO_METHOD = Page(
    405,
    "Method not allowed",
    "This request was not sent: its method is not made of capital letters and hyphens.",
    "Tell those who look after the program that sent it.",
)
TRAILERS = Page(
    501,
    "Trailers are not supported",
    "This request was not sent: fields behind its body (trailers) cannot be checked.",
    "Tell those who look after the program that sent it.",
)


def too_large(limit: int) -> Page:
    """Return what is said of a body that is larger than this door reads."""
    return Page(
        413,
        "Too large to be checked",
        f"This transfer was not sent: it is larger than the {limit:,} bytes that can be checked.",
        "Ask the reviewers for another way.",
    )


def said(transfer_id: str) -> str:
    """Return one line for protocols that have no page: at most 123 bytes, as RFC 6455 allows."""
    return f"not sent, held for review: {transfer_id}" if transfer_id else "not sent: it could not be checked"


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
