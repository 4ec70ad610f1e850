"""Resumable uploads of the IETF (draft-ietf-httpbis-resumable-upload).

``Upload-Complete: ?1`` marks the last request; drafts before the fourth said ``Upload-Incomplete: ?0``.
"""

from __future__ import annotations

from exfilter.uploads.head import Head, number
from exfilter.uploads.request import Request, Step, offset

_TRUE = {"?1": True, "?0": False}


def recognise(head: Head) -> Request | None:
    """Return what a request of a resumable upload does."""
    complete = _complete(head)
    if complete is None or head.header("tus-resumable"):
        return None
    start = number(head.header("upload-offset"))
    total = number(head.header("upload-length"))
    if head.method == "PATCH" and start is not None:
        return offset("ietf", head.lasting, start, total=total, last=complete)
    if head.method in {"POST", "PUT"} and not complete:
        return Request("ietf", Step.START, total=total, carries=True)
    return None


def _complete(head: Head) -> bool | None:
    incomplete = _TRUE.get(head.header("upload-incomplete"))
    return _TRUE.get(head.header("upload-complete"), None if incomplete is None else not incomplete)
