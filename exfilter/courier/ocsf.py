"""Notices as Data Security Finding, class 2006 of the Open Cybersecurity Schema Framework 1.4.0.

https://schema.ocsf.io/1.4.0/classes/data_security_finding, with the profile ``security_control``. What the
class has no attribute for is in ``unmapped``.
"""

from __future__ import annotations

from typing import Any

from exfilter import __version__
from exfilter.courier.cef import TITLES, milliseconds
from exfilter.ledger.notices import Notice

VERSION = "1.4.0"
CATEGORY, CLASS = 2, 2006
CREATE, CLOSE = 1, 3
ALLOWED, DENIED = 1, 2
"""Action."""
DISPOSITIONS = {"alert": 19, "quarantine": 3, "block": 2}
"""Of what is held; of what passed, alert is 19 and all else 1."""
SEVERITIES = {"allow": 1, "alert": 3, "quarantine": 4, "block": 4}
MAPPED = {"time", "actor", "destination", "reason", "policy", "id"}


def ocsf(notice: Notice) -> dict[str, Any]:
    """Return a notice as an event."""
    activity = CLOSE if notice["type"] == "lifted" else CREATE
    event: dict[str, Any] = {
        "activity_id": activity,
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "time": milliseconds(notice),
        "severity_id": _severity(notice),
        "status_id": 4 if activity == CLOSE else 1,
        "is_alert": activity == CREATE,
        "message": notice.get("reason", ""),
        "metadata": {
            "version": VERSION,
            "uid": notice["id"],
            "event_code": notice["type"],
            "profiles": ["security_control"],
            "product": {"name": "exfilter", "vendor_name": "exfilter", "version": __version__},
        },
        "finding_info": {"uid": notice["id"], "title": TITLES.get(notice["type"], notice["type"])},
        "unmapped": {key: value for key, value in notice.items() if key not in MAPPED},
    }
    return event | _actor(notice) | _transfer(notice)


def _severity(notice: Notice) -> int:
    if notice["type"] == "canary":
        return 5
    return {"suspended": 4, "lifted": 1, "test": 1}.get(notice["type"]) or SEVERITIES.get(notice["action"], 3)


def _actor(notice: Notice) -> dict[str, Any]:
    return {"actor": {"user": {"name": notice["actor"]}}} if notice.get("actor") else {}


def _transfer(notice: Notice) -> dict[str, Any]:
    if "action" not in notice:
        return {}
    held = notice["outcome"] == "held"
    passed = DISPOSITIONS["alert"] if notice["action"] == "alert" else 1
    about = {
        "action_id": DENIED if held else ALLOWED,
        "disposition_id": DISPOSITIONS.get(notice["action"], 2) if held else passed,
        "data_security": {
            "data_lifecycle_state_id": 2,  # in transit
            "detection_system_id": 2,  # DLP gateway
            "policy": {"name": notice["rule"], "uid": notice["policy"]},
        },
    }
    return about | ({"dst_endpoint": {"hostname": notice["destination"]}} if notice["destination"] else {})
