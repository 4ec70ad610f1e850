"""Slack's external upload: asking for an address, sending the file there, sharing it.

The file goes in one body, which is judged as any transfer; what was held there is not there to be shared. So
only the request that asks for an address is part of an upload in pieces.
"""

from __future__ import annotations

from exfilter.uploads.head import Head, number
from exfilter.uploads.request import Request, Step


def recognise(head: Head) -> Request | None:
    """Return the start of an upload."""
    if head.method in {"GET", "POST"} and head.path.rstrip("/") == "/api/files.getUploadURLExternal":
        return Request("slack", Step.START, total=number(head.parameter("length")))
    return None
