"""Answers of ICAP as bytes (RFC 3507, sections 4.3 to 4.10): the head of each, and the whole of most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import formatdate

INCLUDE = "X-Client-IP, X-Client-Username, X-Authenticated-User, X-Authenticated-Groups"
"""Who sends, as proxies are asked to tell it (draft-stecher-icap-subid-00)."""
REASONS = {
    100: "Continue",
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    404: "ICAP Service Not Found",
    405: "Method Not Allowed For Service",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    500: "Server Error",
    501: "Method Not Implemented",
    503: "Service Overloaded",
    505: "ICAP Version Not Supported",
}
_TAG = re.compile(r"[!#-\[\]-~]{1,32}")
_VALUE = re.compile(r"[ -~]*")
_BODIES = {"req-hdr": "req-body", "res-hdr": "res-body"}


def continue_() -> bytes:
    """Return what asks for the rest behind a preview."""
    return b"ICAP/1.0 100 Continue\r\n\r\n"


def options(
    istag: str,
    service: str,
    *,
    methods: str = "REQMOD",
    allow: Sequence[str] = ("204",),
    preview: int | None = None,
    transfer_preview: str = "*",
    max_connections: int | None = None,
    ttl: int = 60,
    include: str = INCLUDE,
    close: bool = False,
) -> bytes:
    """Return what the service is and wants; ``ttl`` in seconds, ``preview`` in bytes (None: no preview)."""
    fields = [("Methods", methods), ("Service", service), ("Allow", ", ".join(allow))]
    if preview is not None:
        fields += [("Preview", str(preview)), ("Transfer-Preview", transfer_preview)]
    if max_connections is not None:
        fields.append(("Max-Connections", str(max_connections)))
    fields += [("Options-TTL", str(ttl)), ("X-Include", include), ("Encapsulated", "null-body=0")]
    return _head(200, istag, fields, close=close)


def no_content(istag: str, *, close: bool = False) -> bytes:
    """Return that what was sent may go on as it is."""
    return _head(204, istag, [("Encapsulated", "null-body=0")], close=close)


def modified_head(
    istag: str, sections: Sequence[tuple[str, bytes]], *, has_body: bool, close: bool = False
) -> bytes:
    """Return the head of an answer with HTTP in it, and that HTTP's head; chunks follow if it has a body.

    ``sections`` are ``("req-hdr", …)`` for what goes on, or ``("res-hdr", …)`` for a page instead of it.
    """
    places, at = [], 0
    for name, raw in sections:
        places.append(f"{name}={at}")
        at += len(raw)
    body = _BODIES[sections[-1][0]] if has_body else "null-body"
    fields = [("Encapsulated", ", ".join([*places, f"{body}={at}"]))]
    return _head(200, istag, fields, close=close) + b"".join(raw for _, raw in sections)


def error(status: int, why: str, istag: str, *, close: bool) -> bytes:
    """Return that a request was not served; ``why`` is a sentence without any value."""
    return _head(status, istag, [("X-Reason", why), ("Encapsulated", "null-body=0")], close=close)


def _head(status: int, istag: str, fields: Sequence[tuple[str, str]], *, close: bool) -> bytes:
    if not _TAG.fullmatch(istag):
        msg = "an ISTag is 1 to 32 printable characters without quotes and backslashes"
        raise ValueError(msg)
    named = [("ISTag", f'"{istag}"'), ("Date", formatdate(usegmt=True)), *fields]
    if close:
        named.append(("Connection", "close"))
    if not all(_VALUE.fullmatch(value) for _, value in named):
        msg = "a field of an answer is printable ASCII"
        raise ValueError(msg)
    lines = [f"ICAP/1.0 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in named)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
