"""Block blobs of Azure, its append and page blobs, and files of Data Lake Storage.

The order of blocks is known from the list that commits them and not before. Appended blocks and pages are
there at once: no request completes them.
"""

from __future__ import annotations

import html
import re

from exfilter.uploads.head import Head, Range, number
from exfilter.uploads.request import Request, Step, Whole, offset

_BLOCK = re.compile(r"<(?:Latest|Uncommitted|Committed)\s*>\s*([^<]{1,200}?)\s*<")
_BYTES = re.compile(r"bytes=(\d{1,18})-(\d{1,18})", re.ASCII)


def recognise(head: Head) -> Request | None:
    """Return what a request does to a blob in pieces."""
    does = head.parameter("comp").lower()
    blob = head.path
    if head.method == "PUT" and does == "block" and head.parameter("blockid"):
        place = head.parameter("blockid").replace(" ", "+")  # a plus sign that was not escaped
        return Request("azure", Step.PIECE, blob, place=place)
    if head.method == "PUT" and does == "blocklist":
        text = head.document.decode("utf-8", "replace")
        places = tuple(html.unescape(found) for found in _BLOCK.findall(text))
        return Request("azure", Step.COMMIT, blob, unranged=True, wholes=(Whole((blob,), places or None),))
    if head.method == "PUT" and does == "appendblock":
        return _appended(head)
    if head.method == "PUT" and does == "page":
        pages = _pages(head)
        return offset("azure", blob, pages.start, endless=True) if pages else None
    return _lake(head) if head.method == "PATCH" else None


def _appended(head: Head) -> Request:
    start = number(head.header("x-ms-blob-condition-appendpos"))
    if start is not None:
        return offset("azure", head.path, start, endless=True)
    return Request("azure", Step.PIECE, head.path, ranged=True, endless=True)


def _pages(head: Head) -> Range | None:
    found = _BYTES.fullmatch(head.header("x-ms-range") or head.header("range"))
    return Range(int(found[1]), int(found[2]) + 1, None) if found and head.size else None


def _lake(head: Head) -> Request | None:
    action, position = head.parameter("action").lower(), number(head.parameter("position"))
    if position is None or action not in {"append", "flush"}:
        return None
    if action == "append":
        return offset("azure", head.path, position, last=head.parameter("flush").lower() == "true")
    return Request("azure", Step.COMMIT, head.path, wholes=(Whole((head.path,), total=position),))
