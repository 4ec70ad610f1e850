"""Upload sessions of Microsoft Graph, OneDrive and SharePoint.

``createUploadSession`` answers with an address on another host, which names the session by itself; the
pieces that go there are those of ``ranges``.
"""

from __future__ import annotations

from exfilter.uploads.head import Head
from exfilter.uploads.request import Request, Step, offset

_PLACES = ("/up/", "uploadsession")


def recognise(head: Head) -> Request | None:
    """Return the start of a session, or one of its pieces."""
    path = head.path.lower().rstrip("/")
    if head.method == "POST" and path.endswith(("/createuploadsession", ".createuploadsession")):
        return Request("graph", Step.START)
    here = head.range
    if head.method == "PUT" and here is not None and any(place in path for place in _PLACES):
        return offset("graph", head.lasting, here.start, total=here.total, endless=here.total is None)
    return None
