"""The compiled passes of a build, where they could be built. Without them numpy does the same, slowly."""

from __future__ import annotations

try:
    from exfilter.content import passes
except ImportError as error:  # no C compiler or no Python headers when it was installed
    if error.name != "exfilter.content":
        raise
    passes = None  # type: ignore[assignment]

__all__ = ["passes"]
