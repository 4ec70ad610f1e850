"""tus 1.0 (https://tus.io/protocols/resumable-upload): creation, pieces, concatenation.

A piece does not say how long the upload is: its creation did.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

from exfilter.uploads import head as heads
from exfilter.uploads.head import Head, number
from exfilter.uploads.request import Request, Step, Whole, offset

_ADDRESS = re.compile(r"https?://[^/]*", re.IGNORECASE)


def recognise(head: Head) -> Request | None:
    """Return what a request of tus does."""
    method = head.header("x-http-method-override").upper() or head.method
    if not head.header("tus-resumable"):
        return None
    if method == "PATCH":
        start = number(head.header("upload-offset"))
        total = number(head.header("upload-length"))
        return (
            None
            if start is None
            else replace(offset("tus", head.lasting, start, total=total), by_start=total is None)
        )
    return _creation(head) if method == "POST" else None


def _creation(head: Head) -> Request | None:
    concat = head.header("upload-concat")
    kind, _, joined = concat.partition(";")
    if kind.strip().lower() == "final":
        names = tuple(map(_name, joined.split()))
        return Request("tus", Step.COMMIT, "\n".join(names), wholes=(Whole(names),))
    total = number(head.header("upload-length"))
    if total is None and not head.header("upload-defer-length"):
        return None
    return Request("tus", Step.START, total=total, carries=True, partial=kind.strip().lower() == "partial")


def _name(address: str) -> str:
    path, _, query = _ADDRESS.sub("", address, count=1).partition("?")
    return Head(heads.NOBODY, "", "", unquote(path, errors="replace"), heads.pairs(query)).lasting
