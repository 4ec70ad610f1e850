"""Days as people count them: calendar days of one time zone, by the ordinal of ``datetime.date``."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a time zone."""

    zone: dt.tzinfo = dt.UTC

    @classmethod
    def of(cls, name: str) -> Calendar:
        """Return the days of a zone by its IANA name."""
        return cls() if name == "UTC" else cls(zoneinfo.ZoneInfo(name))

    def day(self, time: float) -> int:
        """Return the day of a time (seconds since the epoch). A time out of all calendars is on day 1."""
        try:
            return dt.datetime.fromtimestamp(time, self.zone).toordinal()
        except (ValueError, OverflowError, OSError):
            return 1

    @staticmethod
    def date(day: int) -> str:
        """Return a day as ISO 8601."""
        return dt.date.fromordinal(day).isoformat()
