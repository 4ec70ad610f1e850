"""Ages as people write them: 30m, 36h, 7d, 2w."""

from __future__ import annotations

import re

from exfilter.quarantine.entries import utc

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def ago(text: str, now: float) -> str:
    """Return the time so long ago, as entries have theirs; empty for an empty text. Raises ValueError."""
    if not text:
        return ""
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if not found:
        msg = "write an age as 30m, 36h, 7d or 2w"
        raise ValueError(msg)
    return utc(max(0.0, now - int(found[1]) * _SECONDS[found[2]]))
