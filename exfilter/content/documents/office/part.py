"""What a part of a package is, by its first bytes."""

from __future__ import annotations

import codecs
import re

HEAD = 1 << 16
"""Bytes that are looked at."""
_ROOT = re.compile(
    r"\s*+(?:(?>(?s:<\?.*?\?>)|(?s:<!--.*?-->)|<!DOCTYPE[^<>\[]*+(?:\[[^\]]*+\]\s*+)?>)\s*+)*+"
    r"<(?:[\w.-]++:)?+([\w.-]++)",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"\s*+<\?xml\s")


def text(head: bytes) -> str:
    """Return the beginning of a part as text, as an XML parser would take it (XML 1.0, appendix F)."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return head[len(mark) :].decode(name, "replace")
    wide = {b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}.get(head[:2], "latin-1")
    return head.decode(wide, "replace")


def is_declared(head: str) -> bool:
    """Whether a part says that it is XML."""
    return bool(_DECLARATION.match(head))


def root(head: str) -> str:
    """Return the name of the outermost element without its prefix; nothing where it is no XML.

    It is a question mark where it cannot be seen yet.
    """
    found = _ROOT.match(head)
    return found[1] if found else "?" if is_declared(head) else ""
