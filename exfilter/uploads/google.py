"""Resumable uploads of Google: Drive, Cloud Storage, YouTube, Photos.

Two dialects: a session address with ``upload_id`` and ``Content-Range``, and ``X-Goog-Upload-Command``.
With the length of the whole in ``bytes */N`` a client asks how much has arrived, and completes it if all
has.
"""

from __future__ import annotations

import re

from exfilter.uploads.head import Head, number
from exfilter.uploads.request import Request, Step, Whole, offset

_ASKS = re.compile(r"bytes \*/(\d{1,18})", re.ASCII | re.IGNORECASE)


def recognise(head: Head) -> Request | None:
    """Return what a request does to a resumable upload."""
    if head.method not in {"PUT", "POST"}:
        return None
    commands = {word.strip() for word in head.header("x-goog-upload-command").lower().split(",")} - {""}
    session = head.parameter("upload_id")
    if commands:
        return _commanded(head, commands, session)
    if session:
        return _ranged(head, session)
    resumable = head.parameter("uploadtype").lower() == "resumable"
    if resumable or head.header("x-goog-resumable").lower() == "start":
        return Request("google", Step.START, total=number(head.header("x-upload-content-length")))
    return None


def _commanded(head: Head, commands: set[str], session: str) -> Request | None:
    if commands >= {"start", "finalize"}:
        return None  # all of it in one request
    if "start" in commands:
        total = number(head.header("x-goog-upload-header-content-length"))
        return Request("google", Step.START, total=total, carries="upload" in commands)
    name = session or head.lasting
    last = "finalize" in commands
    if "upload" in commands:
        start = number(head.header("x-goog-upload-offset"))
        return offset("google", name, start or 0, last=last) if start is not None else None
    return Request("google", Step.COMMIT, name, wholes=(Whole((name,)),)) if last else None


def _ranged(head: Head, session: str) -> Request | None:
    here = head.range
    if here:
        return offset("google", session, here.start, total=here.total, last=here.end == here.total)
    asks = _ASKS.fullmatch(head.header("content-range"))
    if asks:
        wholes = (Whole((session,), total=int(asks[1])),)
        return Request("google", Step.COMMIT, session, asks=True, wholes=wholes)
    if head.size and not head.header("content-range"):
        return offset("google", session, 0, total=head.size, last=True)
    return None
