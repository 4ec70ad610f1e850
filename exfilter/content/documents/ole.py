"""Compound files: legacy Office documents, Outlook messages, encrypted Office documents."""

from __future__ import annotations

from exfilter.content import parsed, sniff
from exfilter.content.content import Content


def _recognises(content: Content) -> bool:
    return sniff.signature(content.stream.head()) == "ole"


READER = parsed.reader("ole", _recognises)
