"""How values look on a page: times, numbers, ages and hostile text of several lines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from exfilter.quarantine.entries import printable

LONGEST = 20_000
"""Characters of a text of several lines."""
MASKED = "•"


def time(text: str) -> str:
    """Return an entry's time (ISO 8601, UTC) as a reader writes it."""
    return text[:16].replace("T", " ")


def moment(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601, UTC."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def count(number: int) -> str:
    """Return a number with commas between the thousands."""
    return f"{number:,}"


def size(number: int) -> str:
    """Return bytes in the largest unit that leaves three digits."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} GB"


def said(text: str) -> str:
    """Return a text of several lines whose other control characters are spelled out."""
    return "\n".join(map(_line, text[:LONGEST].replace("\r\n", "\n").split("\n")))


def _line(line: str) -> str:
    return "".join(printable(char) if not char.isprintable() else char for char in line)


def plain(day: int) -> str:
    """Return a day of the ledger as ISO 8601."""
    return dt.date.fromordinal(day).isoformat() if day > 0 else ""


FILTERS: Mapping[str, Callable[..., str]] = {
    "time": time, "moment": moment, "count": count, "size": size, "said": said, "date": plain,
}  # fmt: skip
