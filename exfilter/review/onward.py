"""Where somebody goes on to after the log-in: a path of this desk, whatever was asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

FIRST = "/"
LONG = 2000
"""Characters."""


def inside(path: str) -> str:
    """Return a path of this desk; for anything else its first page."""
    plain = path.replace("\\", "/")
    if not path.isprintable() or len(path) > LONG or not path.startswith("/") or plain.startswith("//"):
        return FIRST
    try:
        parts = urlsplit(plain)
    except ValueError:
        return FIRST
    return path if not parts.scheme and not parts.netloc else FIRST
