"""Deadlines of tests."""

from __future__ import annotations

import time

from exfilter.model import Expired


def within(seconds: float) -> Expired:
    """Return a deadline that passes so many seconds from now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
