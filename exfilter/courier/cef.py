"""Notices in ArcSight's Common Event Format, CEF:0 ("CEF Implementation Standard", version 26)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from exfilter import __version__
from exfilter.ledger.noted import one_line
from exfilter.ledger.notices import Notice

SEVERITY = {"allow": 3, "alert": 5, "quarantine": 8, "block": 9}
"""By action, from 0 to 10."""
TITLES = {
    "transfer": "Customers or unread content in a transfer",
    "canary": "A planted customer in a transfer",
    "suspended": "An actor is suspended",
    "lifted": "An actor is suspended no more",
    "test": "A test of this receiver",
}


def cef(notice: Notice) -> str:
    """Return a notice as one line."""
    kind = notice["type"]
    title = str(TITLES.get(kind, kind))
    head = ("CEF:0", "exfilter", "exfilter", __version__, str(kind), title, str(severity(notice)))
    line = "|".join(_of_head(text) for text in head)
    extension = " ".join(f"{key}={_of_value(value)}" for key, value in _extension(notice) if value != "")
    return f"{line}|{extension}"


def severity(notice: Notice) -> int:
    """Return how grave it is, from 0 to 10."""
    if notice["type"] == "canary":
        return 10
    return {"suspended": 8, "lifted": 3, "test": 1}.get(notice["type"]) or SEVERITY.get(notice["action"], 5)


def milliseconds(notice: Notice) -> int:
    """Return when it was, in milliseconds since the epoch."""
    return round(dt.datetime.fromisoformat(notice["time"]).timestamp() * 1000)


def _extension(notice: Notice) -> list[tuple[str, Any]]:
    said = notice.get
    labelled = (
        ("cn1", "customers", said("customers", "")),
        ("cn2", "identified", said("identified", "")),
        ("cn3", "unscannedBytes", _unread(notice)),
        ("cs1", "rule", said("rule", "")),
        ("cs2", "policy", said("policy", "")),
        ("cs3", "transferId", said("transfer_id", "")),
        ("cs4", "reviewer", said("by", "")),
    )
    pairs = [
        ("rt", milliseconds(notice)),
        ("externalId", notice["id"]),
        ("suser", said("actor", "")),
        ("dhost", said("destination", "")),
        ("requestMethod", said("method", "")),
        ("act", said("action", "")),
        ("outcome", said("outcome", "")),
        ("msg", said("reason", "")),
    ]
    for key, label, value in labelled:
        if value != "":
            pairs += [(f"{key}Label", label), (key, value)]
    return pairs


def _unread(notice: Notice) -> int | str:
    return sum(each["bytes"] for each in notice["unscanned"]) if "unscanned" in notice else ""


def _of_head(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _of_value(value: object) -> str:
    return one_line(str(value).replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n"))
