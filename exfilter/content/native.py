"""The compiled passes of a build, where they could be built. Without them numpy does the same, slowly."""

from __future__ import annotations

try:
    from exfilter.content import passes
except ImportError:  # no compiler was at hand
    passes = None  # type: ignore[assignment]

__all__ = ["passes"]
