"""What a sender sees instead of the answer: that the transfer was not sent, and its id. No value of it."""

from __future__ import annotations

import html
import json

from mitmproxy.http import Response

HEADER = "X-Exfilter-Transfer"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36em; margin: 10vh auto; padding: 0 1em }}
code {{ font-size: 1.1em; user-select: all }}
</style>
<h1>{title}</h1>
<p>{text}</p>
{reference}</html>
"""
_REFERENCE = "<p>Transfer id: <code>{id}</code></p>\n"


def held(transfer_id: str, accept: str = "") -> Response:
    """Answer for a transfer that waits in the quarantine."""
    text = "This transfer was not sent. It is held for review; give the reviewer the transfer id."
    return _answer(403, "Held for review", text, transfer_id, accept)


def refused(accept: str = "") -> Response:
    """Answer for a transfer that could be neither checked nor kept: the door's fail-closed state."""
    text = "This transfer could not be checked, so it was not sent, and it was not kept. Try again later."
    return _answer(503, "Not checked, not sent", text, "", accept)


def said(transfer_id: str) -> str:
    """Return one line for protocols that have no page: at most 123 bytes, as RFC 6455 allows."""
    return f"not sent, held for review: {transfer_id}" if transfer_id else "not sent: it could not be checked"


def busy(accept: str) -> Response:
    """Answer where nobody has the time to check."""
    text = "This transfer was not sent: too many others are being checked. Try again in a minute."
    answer = _answer(503, "Busy", text, "", accept)
    answer.headers["Retry-After"] = "60"
    return answer


def sign_in(accept: str = "") -> Response:
    """Ask a client for a user's name and password (RFC 9110, section 15.5.8; RFC 7617)."""
    text = "This transfer was not sent: say who you are, with a user name and password for this proxy."
    answer = _answer(407, "Who is there?", text, "", accept)
    answer.headers["Proxy-Authenticate"] = 'Basic realm="exfilter", charset="UTF-8"'
    return answer


def no_certificate(accept: str = "") -> Response:
    """Answer to a client that did not show a certificate of the company."""
    text = "This transfer was not sent: this proxy serves who shows a client certificate, over HTTPS to it."
    return _answer(403, "No valid client certificate", text, "", accept)


def too_large(limit: int, accept: str = "") -> Response:
    """Answer for a body that is larger than this door reads."""
    text = f"This transfer was not sent: it is larger than the {limit:,} bytes that can be checked."
    return _answer(413, "Too large to be checked", text, "", accept)


def _answer(status: int, title: str, text: str, transfer_id: str, accept: str) -> Response:
    if _prefers_json(accept):
        kind = "application/json"
        body = json.dumps({"error": title, "message": text, "transfer": transfer_id or None}) + "\n"
    else:
        kind = "text/html; charset=utf-8"
        reference = _REFERENCE.format(id=html.escape(transfer_id)) if transfer_id else ""
        body = _PAGE.format(title=html.escape(title), text=html.escape(text), reference=reference)
    headers = {
        "Content-Type": kind,
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    if transfer_id:
        headers[HEADER] = transfer_id
    return Response.make(status, body, headers)


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
