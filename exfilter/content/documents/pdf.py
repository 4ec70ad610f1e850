"""PDF: the text of its pages, and everything else in it, by two libraries in two processes."""

from __future__ import annotations

from exfilter.content import parsed, sniff
from exfilter.content.content import Content


def _recognises(content: Content) -> bool:
    """Whether the header lies in the first KiB, whatever stands before it."""
    return sniff.signature(content.stream.head()) == "pdf"


READER = parsed.reader("pdf", _recognises)
