"""Names that others chose, as they may stand on a terminal or a page."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text with control characters and undecodable bytes escaped: a file name is not to be trusted."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
