"""Why a request is refused without a look at it, at any door: what is recorded, what its sender sees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exfilter.door import page
from exfilter.door.metrics import Refusal

if TYPE_CHECKING:
    from exfilter.door.page import Page
    from exfilter.door.spool import Spool

_METHOD = re.compile(r"[A-Z][A-Z-]{0,19}")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused."""

    reason: str
    """A sentence without any value."""
    why: Refusal
    page: Page


def is_method(method: str) -> bool:
    """Whether it may be a method: no place for text, not even in the case of its letters."""
    return _METHOD.fullmatch(method) is not None


def problem(method: str, spool: Spool | None, limit: int) -> Problem | None:
    """Return what is wrong with a method, or with a body (None: there is none) of at most ``limit`` bytes."""
    if not is_method(method):
        reason = "the method is not made of capital letters and hyphens"
        return Problem(reason, Refusal.METHOD, page.NO_METHOD)
    if spool is not None and spool.broken:
        return Problem(f"the body could not be kept: {spool.broken}", Refusal.NO_ROOM, page.REFUSED)
    if spool is not None and spool.dropped:
        reason = f"the body is larger than the {limit} bytes that are read"
        return Problem(reason, Refusal.TOO_LARGE, page.too_large(limit))
    return None
