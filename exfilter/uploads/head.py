"""The head of a request as the recognisers read it: hostile text in, plain values out, never an exception."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode

from exfilter.body import size, whole
from exfilter.model import Transfer

DOCUMENT = 8 << 20
"""Bytes of a list of pieces at most: 10,000 parts of S3, or 50,000 blocks of Azure."""

_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_NUMBER = re.compile(r"\d{1,18}")
_CONTENT_RANGE = re.compile(r"\s*(?:bytes[ =]\s*)?(\d{1,18})-(\d{1,18})(?:/(\d{1,18}|\*))?\s*", re.IGNORECASE)
_PASSING = re.compile(
    r"x-(?:amz|goog|ms)-.*|sig|signature|tempauth|.*token|expires|se|sp|sv|st|sr|awsaccesskeyid"
    r"|offset|position|chunk|partnumber|comp|blockid|arg|timeout|quotauser|alt|prettyprint",
    re.IGNORECASE,
)
"""Query parameters that differ between the requests of one upload, or may: signatures, places."""


def number(text: str) -> int | None:
    """Return a decimal number of at most 18 digits, else None."""
    found = _NUMBER.fullmatch(text.strip())
    return int(found[0]) if found and text.isascii() else None


@dataclass(frozen=True, slots=True)
class Range:
    """What ``Content-Range`` says (RFC 9110, section 14.4; registries leave out the unit)."""

    start: int
    end: int
    """The byte after the last."""
    total: int | None


@dataclass(frozen=True, slots=True)
class Head:
    """Method, address and headers of a request."""

    transfer: Transfer
    method: str
    host: str
    path: str
    """With its escapes undone."""
    query: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """Return a header without the blanks around it, or an empty string."""
        return self.transfer.header(name).strip()

    def has(self, name: str) -> bool:
        """Whether the query has a parameter of that name."""
        return any(key.lower() == name for key, _ in self.query)

    def parameter(self, name: str) -> str:
        """Return a parameter of the query, or an empty string."""
        return next((value for key, value in self.query if key.lower() == name), "")

    @property
    def lasting(self) -> str:
        """The address as it is in each request of one upload."""
        kept = sorted(pair for pair in self.query if not _PASSING.fullmatch(pair[0]))
        return f"{self.path}?{urlencode(kept, errors='replace')}" if kept else self.path

    @property
    def range(self) -> Range | None:
        """The bytes that ``Content-Range`` names, or None."""
        found = _CONTENT_RANGE.fullmatch(self.header("content-range")) if self.size else None
        if found is None or not found[0].isascii():
            return None
        start, end = int(found[1]), int(found[2]) + 1
        return Range(start, end, number(found[3] or "")) if start < end else None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return size(self.transfer.body)

    @property
    def document(self) -> bytes:
        """The body, if it is small enough for a list of pieces, without the zeros of UTF-16."""
        return whole(self.transfer.body).replace(b"\0", b"") if self.size <= DOCUMENT else b""


def read(transfer: Transfer) -> Head:
    """Return the head of a transfer."""
    start = _URL.match(transfer.url)
    rest = transfer.url[start.end() if start else 0 :].partition("#")[0]
    path, _, query = rest.partition("?")
    host = transfer.destination.lower()
    return Head(transfer, transfer.method.upper(), host, plain(unquote(path, errors="replace")), pairs(query))


def plain(path: str) -> str:
    """Return a path without dot segments (RFC 3986, section 5.2.4), doubled slashes and parameters."""
    kept: list[str] = []
    for segment in path.split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    end = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + end


def pairs(query: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a query."""
    try:
        return tuple(parse_qsl(query, keep_blank_values=True, max_num_fields=200, errors="replace"))
    except ValueError:
        return ()


NOBODY = Transfer("proxy", b"")
"""A transfer without anything: for an address that stands in a header."""
