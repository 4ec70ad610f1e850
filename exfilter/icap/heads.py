"""The head of an ICAP request (RFC 3507, section 4.3), strictly: it says where everything else is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from exfilter.icap.events import Bounds, Head, Malformed
from exfilter.model import Headers

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) (ICAP/[0-9]{1,3}\.[0-9]{1,3})")
_URI = re.compile(
    r"icaps?://(?:[a-z0-9._~-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[!#-;=?-~]*)?", re.IGNORECASE
)
_NAME = re.compile(_TOKEN)
_UNFIT = re.compile(rb"[\x00\r\n]")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_ENTRY = re.compile(r"[ \t]*([a-z-]{1,20})[ \t]*=[ \t]*([0-9]{1,10})[ \t]*", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,10}")
_CREDENTIALS = "proxy-authorization"
_ORDER = {
    "OPTIONS": re.compile(r"null-body|opt-body"),
    "REQMOD": re.compile(r"(?:req-hdr )?(?:req-body|null-body)"),
    "RESPMOD": re.compile(r"(?:req-hdr )?(?:res-hdr )?(?:res-body|null-body)"),
}
"""The sections that a method has, in their order (RFC 3507, section 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what is encapsulated stands."""

    sizes: tuple[tuple[str, int], ...] = ()
    """Bytes of each head."""
    body: str = "null-body"

    @property
    def heads(self) -> int:
        """Bytes of all heads."""
        return sum(size for _, size in self.sizes)


def end(buffer: bytearray, start: int, bounds: Bounds) -> int:
    """Return where the head ends that begins the buffer; 0: it is not whole.

    Nothing before ``start`` has to be looked at again. Raises Malformed for one that is too large, and for a
    line that ends with a bare LF. What it says does not depend on how much has come.
    """
    line = buffer.find(b"\n", 0, bounds.request_line)
    if line < 0 and len(buffer) >= bounds.request_line:
        raise Malformed(414, "the request line is too long")
    found = buffer.find(b"\r\n\r\n", max(0, start - 3))
    stop = found + 4 if found >= 0 else len(buffer)
    if _BARE_LF.search(buffer, start, min(stop, bounds.icap_head)):
        raise Malformed(400, "a line of the head ends without CR")
    if stop > bounds.icap_head:
        raise Malformed(400, "the head is too large")
    return stop if found >= 0 else 0


def read(raw: bytes, bounds: Bounds) -> tuple[Head, Layout]:
    """Return a whole head, without what is encapsulated, and where that is. Raises Malformed."""
    first, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, uri, version = _request(first)
    if len(lines) > bounds.fields:
        raise Malformed(400, "the head has too many fields")
    headers = tuple(_field(line) for line in lines)
    layout = _layout(method, _single(headers, "encapsulated"))
    has_body = layout.body not in {"null-body", "opt-body"}
    preview = _preview(_single(headers, "preview"))
    if preview is not None and layout.body == "opt-body":
        raise Malformed(400, "there is a preview of a body of OPTIONS")
    return Head(
        method=method,
        uri=uri,
        version=version,
        headers=tuple((name, value) for name, value in headers if name.lower() != _CREDENTIALS),
        preview=preview if has_body else None,  # Squid announces one of nothing, too
        allows=_listed(headers, "allow"),
        sections=(),
        has_body=has_body,
        keep_alive="close" not in _listed(headers, "connection"),
    ), layout


def _request(line: bytes) -> tuple[str, str, str]:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise Malformed(400, "the request line is not that of ICAP")
    method, uri, version = (part.decode("ascii") for part in parts.groups())
    if version != "ICAP/1.0":
        raise Malformed(505, "the version is not ICAP/1.0")
    if method not in _ORDER:
        raise Malformed(501, "the method is not known")
    if not _URI.fullmatch(uri):
        raise Malformed(400, "the URI is not icap:// with a host and a service")
    return method, uri, version


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    # Other control characters are the business of who uses the value: a proxy may put a person's name there
    # (RFC 9110, section 5.5).
    if not colon or not _NAME.fullmatch(name) or _UNFIT.search(value):
        raise Malformed(400, "a line of the head is no field")
    return name.decode("ascii"), value.strip(b" \t").decode("latin-1")


def _single(headers: Headers, wanted: str) -> str | None:
    """Return the value of a field that may stand there once. None: it is not there."""
    found = [value for name, value in headers if name.lower() == wanted]
    if len(found) > 1:
        raise Malformed(400, f"the field {wanted} is repeated")
    return found[0] if found else None


def _listed(headers: Headers, wanted: str) -> frozenset[str]:
    values = (value for name, value in headers if name.lower() == wanted)
    return frozenset(each.strip().lower() for value in values for each in value.split(","))


def _preview(value: str | None) -> int | None:
    if value is not None and not _NUMBER.fullmatch(value):
        raise Malformed(400, "the size of the preview is no number")
    return None if value is None else int(value)


def _layout(method: str, value: str | None) -> Layout:
    if value is None and method == "OPTIONS":
        return Layout()
    if value is None:
        raise Malformed(400, "the field encapsulated is missing")
    entries = [_ENTRY.fullmatch(entry) for entry in value.split(",", 4)]
    found = [(entry[1].lower(), int(entry[2])) for entry in entries if entry]
    names, offsets = [name for name, _ in found], [offset for _, offset in found]
    if len(found) < len(entries) or not _ORDER[method].fullmatch(" ".join(names)):
        raise Malformed(400, "what is encapsulated is not what the method has, in its order")
    if offsets[0] != 0 or any(after <= before for before, after in pairwise(offsets)):
        raise Malformed(400, "what is encapsulated overlaps, or does not begin at 0")
    sizes = (after - before for before, after in pairwise(offsets))
    return Layout(tuple(zip(names, sizes, strict=False)), names[-1])
