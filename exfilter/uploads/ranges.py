"""Pieces by ``Content-Range`` (RFC 9110, section 14.5), as Box and many home-made uploads send them."""

from __future__ import annotations

from dataclasses import replace

from exfilter.uploads.framing import Framing
from exfilter.uploads.head import Head
from exfilter.uploads.request import Request, offset

METHODS = ("PUT", "POST", "PATCH")


def recognise(head: Head) -> Request | None:
    """Return the piece that a request with ``Content-Range`` is."""
    here = head.range
    if head.method not in METHODS or here is None:
        return None
    form = head.header("content-type").lower().startswith("multipart/form-data")
    # Without a total nobody can tell the piece that completes it.
    piece = offset("ranges", head.lasting, here.start, total=here.total, endless=here.total is None)
    return replace(piece, framing=Framing.FORM) if form else piece
