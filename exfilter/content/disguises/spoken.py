"""Addresses with words for their signs: ``user at example dot com``, ``user [at] example [dot] com``."""

from __future__ import annotations

import re

from exfilter.content.glimpse import Glimpse, Range

_WORD = r"[^\W_][\w+-]{0,63}"
_DOT = (
    r"(?:\s{0,3}[\[({<_-]{1,2}\s?(?:dot|punkt|punto|point|\.)\s?[\])}>_-]{1,2}\s{0,3}"
    r"|\s{1,3}(?:dot|punkt|punto)\s{1,3}|[^\S\n]{1,2}\.[^\S\n]{1,2})"
)
_AT = (
    r"(?:\s{0,3}[\[({<_-]{1,2}\s?(?:at|@|arroba|ät)\s?[\])}>_-]{1,2}\s{0,3}"
    r"|\s{1,3}(?:at|arroba)\s{1,3}|[^\S\n]{1,3}@[^\S\n]{1,3})"
)
_NAME = rf"{_WORD}(?:(?:\.|{_DOT}){_WORD}){{0,4}}"
_HOST = rf"{_WORD}(?:(?:\.|{_DOT}){_WORD}){{1,4}}"
_ADDRESS = re.compile(rf"(?<![\w.])({_NAME})(?:{_AT}|@)({_HOST})", re.IGNORECASE)
_DOTS = re.compile(_DOT, re.IGNORECASE)
_SPOKEN = re.compile(
    rb"[ ([{<_-](?:dot|punkt|punto)[ )\]}>_-]|[([{<_-](?:[a?]t|arroba)[)\]}>_-]"
    rb"| at [a-z0-9-]+\.[a-z]{2,}| (?:arroba|@) "
)
_HINTS = (b"dot", b"at)", b"at]", b"?t)", b"?t]", b"punkt", b"punto", b"arroba", b" @ ")
"""What is not ASCII is a question mark in a window."""


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may have such addresses."""
    small = glimpse.small
    if any(hint in small for hint in _HINTS):
        return glimpse.where(small, lambda window: bool(_SPOKEN.search(window)))
    return []


def undo(text: str) -> str:
    """Write the addresses with their signs."""
    return _ADDRESS.sub(lambda found: f"{_DOTS.sub('.', found[1])}@{_DOTS.sub('.', found[2])}", text)
