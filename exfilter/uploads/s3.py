"""Multipart uploads of S3 and of what speaks like it, by signed headers or signed addresses alike."""

from __future__ import annotations

import re

from exfilter.uploads.framing import Framing
from exfilter.uploads.head import Head, number
from exfilter.uploads.request import Request, Step, Whole

_PART = re.compile(rb"<(?:\w+:)?PartNumber\s*>\s*(\d{1,5})\s*<")


def recognise(head: Head) -> Request | None:
    """Return what a request of a multipart upload does."""
    session = head.parameter("uploadid")
    if not session:
        starts = head.method == "POST" and head.has("uploads") and not head.parameter("uploads")
        return Request("s3", Step.START) if starts else None
    part = number(head.parameter("partnumber"))
    if head.method == "PUT" and part is not None:
        name = f"{head.path}?{session}"
        return Request("s3", Step.PIECE, name, place=str(part), rank=part, framing=_framing(head))
    if head.method == "POST" and part is None:
        name = f"{head.path}?{session}"
        document = head.document
        places = tuple(str(int(found)) for found in _PART.findall(document))
        # Other sites call things uploadId too.
        certain = b"CompleteMultipartUpload" in document
        return Request(
            "s3", Step.COMMIT, name, unranged=True, certain=certain, wholes=(Whole((name,), places or None),)
        )
    return None


def _framing(head: Head) -> Framing:
    codings = head.header("content-encoding").lower()
    streams = head.header("x-amz-content-sha256").upper().startswith("STREAMING-")
    return Framing.CHUNKS if streams or "aws-chunked" in codings else Framing.NONE
