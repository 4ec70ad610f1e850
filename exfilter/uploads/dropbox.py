"""Upload sessions of Dropbox: the argument is JSON in a header, or in the address.

The answer to ``start`` names the session, also where it carried the first bytes.
"""

from __future__ import annotations

import json
from typing import Any

from exfilter.uploads.head import Head
from exfilter.uploads.request import Request, Step, Whole, offset

_BASE = "/2/files/upload_session/"


def recognise(head: Head) -> Request | None:
    """Return what a request of an upload session does."""
    if head.method != "POST" or not head.path.startswith(_BASE):
        return None
    call = head.path.removeprefix(_BASE).rstrip("/")
    if call in {"finish_batch", "finish_batch_v2"}:
        return _batch(_table(head.document))
    argument = _table((head.header("dropbox-api-arg") or head.parameter("arg")).encode("utf-8", "replace"))
    if call == "start":
        return Request("dropbox", Step.START, carries=True)
    cursor = _cursor(argument)
    if call not in {"append", "append_v2", "finish"} or cursor is None:
        return None
    name, start = cursor
    if call == "finish" and not head.size:
        return Request("dropbox", Step.COMMIT, name, wholes=(Whole((name,), total=start),))
    return offset("dropbox", name, start, last=call == "finish")


def _batch(argument: dict[str, Any]) -> Request | None:
    entries = argument.get("entries")
    cursors = (
        [_cursor(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    wholes = tuple(Whole((cursor[0],), total=cursor[1]) for cursor in cursors if cursor)
    names = "\n".join(each.names[0] for each in wholes)
    return Request("dropbox", Step.COMMIT, names, wholes=wholes) if wholes else None


def _cursor(argument: dict[str, Any]) -> tuple[str, int] | None:
    cursor = argument.get("cursor", argument)
    if not isinstance(cursor, dict):
        return None
    session, start = cursor.get("session_id"), cursor.get("offset")
    if not isinstance(session, str) or not isinstance(start, int) or not 0 <= start < 10**18:
        return None
    return session, start


def _table(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
