"""The native modules of a build, where they could be built. Without them Python does the same, slowly."""

from __future__ import annotations

try:
    from exfilter.index import rows, tags
except ImportError as error:  # no C compiler or no Python headers when it was installed
    if error.name != "exfilter.index":
        raise
    rows = tags = None  # type: ignore[assignment]

__all__ = ["rows", "tags"]
