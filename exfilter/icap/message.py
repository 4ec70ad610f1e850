"""The encapsulated HTTP request (RFC 9112): strict where it decides who gets it, else as it can be read.

The destination is where the proxy will connect: the authority of the URL, and the ``Host`` header only where
there is none. What could be read as two places is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import idna

from exfilter.captures import http1
from exfilter.model import Headers


class BadHttp(ValueError):  # noqa: N818 - what the bytes are
    """Not a request that can be judged. Its text is a sentence without a word of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body."""

    method: str
    """Any token, in the case it was sent."""
    target: str
    version: str
    headers: Headers
    """As sent, in order, also repeated ones."""
    url: str
    """Absolute; of CONNECT ``host:port``. May carry customers, so it never reaches a log."""
    host: str
    """The destination: lower case, A-labels, without port, a final dot and the brackets of IPv6."""


_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~\x80-\xff]+) (HTTP/[0-9](?:\.[0-9])?)")
_CONTROL = re.compile(rb"\x00|\r(?!\n)|(?<!\r)\n")
_FOLD = re.compile(rb"\r\n[ \t]+")
_LOOSE = re.compile(rb"\A[ \t]|(?:\A|(?<=\n))(?:[\v\f]|[^:\r\n]*(?<=[ \t\v\f]):)")
"""A name with a blank before or behind it: another field to some (RFC 9112, sections 2.2 and 5.1)."""
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)", re.DOTALL)
_USER = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:-]*")
"""RFC 3986, section 3.2.1."""
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]{0,5}))?")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LONGEST = 253
"""Characters of a host name (RFC 1035, section 2.3.4, without the final dot)."""


def request(raw: bytes, scheme: str = "") -> Request:
    """Read a head as it was encapsulated. Raises BadHttp.

    ``scheme``: of a request that names none; empty: ``https`` where its port is 443, else ``http``.
    """
    if not raw.endswith(b"\r\n\r\n") or raw.find(b"\r\n\r\n") != len(raw) - 4:
        msg = "the head of the request does not end with its first blank line"
        raise BadHttp(msg)
    if _CONTROL.search(raw):
        msg = "the head of the request holds NUL, or CR or LF alone"
        raise BadHttp(msg)
    first, _, block = raw[:-4].partition(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        msg = "the first line of the request is not that of HTTP"
        raise BadHttp(msg)
    if _LOOSE.search(_FOLD.sub(b" ", block)):
        msg = "the name of a header has a blank before or behind it"
        raise BadHttp(msg)
    method, target, version = line[1].decode("ascii"), http1.text(line[2]), line[3].decode("ascii")
    headers = http1.fields(block)
    url, host = _destination(method, target, _host(headers), scheme)
    return Request(method, target, version, headers, url, host)


def fields(raw: bytes) -> Headers:
    """Read trailers, whatever they are."""
    return http1.fields(raw)


def _host(headers: Headers) -> str:
    """Return the ``Host`` header. Empty: there is none. Raises BadHttp where there are several."""
    found = {value.lower() for name, value in headers if name.lower() == "host"}
    if len(found) > 1:
        msg = "the request has two different Host headers"
        raise BadHttp(msg)
    return next(iter(found), "")


def _destination(method: str, target: str, said: str, scheme: str) -> tuple[str, str]:
    """Return URL and host of a request; ``said``: its ``Host`` header."""
    if method == "CONNECT":
        host, port = _place(target)
        if not port:
            msg = "a tunnel names no port"
            raise BadHttp(msg)
        return target, host
    if target.startswith("/") or target == "*":
        host, port = _place(said)
        scheme = scheme or ("https" if port == "443" else "http")
        return f"{scheme}://{said}{target.removeprefix('*')}", host
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        msg = "the URL of the request is none"
        raise BadHttp(msg)
    return target, _place(_authority(absolute[2], absolute[3]))[0]


def _authority(authority: str, rest: str) -> str:
    """Return where a URL goes, without who goes there.

    What ends the authority for some readers and not for others - a fragment, a backslash, a second @, a
    bracket - is no part of who goes there.
    """
    user, _, place = authority.rpartition("@")
    if not _USER.fullmatch(user) or (rest.startswith("?") and re.search(r"[\\@]", rest)):
        msg = "the URL of the request can be read as two places"
        raise BadHttp(msg)
    return place


def _place(authority: str) -> tuple[str, str]:
    """Return host and port (empty: none is named). Raises BadHttp."""
    place = _PLACE.fullmatch(authority)
    if place is None or int(place[2] or 0) > 0xFFFF:
        msg = "the request names no place to go to"
        raise BadHttp(msg)
    name = place[1].lower()
    return (_address(name) if name.startswith("[") else _named(name)), place[2] or ""


def _address(bracketed: str) -> str:
    try:
        return ipaddress.IPv6Address(bracketed[1:-1]).compressed
    except ValueError:
        msg = "the request goes to an address that is none"
        raise BadHttp(msg) from None


def _named(name: str) -> str:
    """Return a host name or an IPv4 address in its one spelling."""
    try:
        plain = name if name.isascii() else idna.encode(name[: _LONGEST + 1], uts46=True).decode("ascii")
        plain = plain.removesuffix(".")
        # 127.1, 0x7f000001 and 017700000001 are addresses to those who connect.
        found = str(ipaddress.IPv4Address(plain)) if _NUMERIC.fullmatch(plain) else plain
    except ValueError:  # also idna's
        found = ""
    if len(name) > _LONGEST + 1 or len(found) > _LONGEST or not _NAME.fullmatch(found):
        msg = "the request goes to a host whose name is none"
        raise BadHttp(msg)
    return found
