"""What comes out of a connection: events, the bounds they keep, and the one error."""

from __future__ import annotations

from dataclasses import dataclass

from exfilter.limits import KIB
from exfilter.model import Headers


class Malformed(ValueError):  # noqa: N818 - what the bytes are
    """What came is not ICAP. Its text is one sentence without a word of what came."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        """Of the answer: 400, 414, 501 or 505 (RFC 3507, section 4.3.3)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of each thing is taken; bytes, except ``fields``."""

    icap_head: int = 512 * KIB
    """Twice ``http_head``: Squid copies the sender's ``Proxy-Authorization`` there, however long it is."""
    request_line: int = 8 * KIB
    fields: int = 1000
    """Of an ICAP head."""
    http_head: int = 256 * KIB
    """The encapsulated heads together. Larger ones are read and dropped."""
    line: int = 1 * KIB
    """With a chunk's size and its extensions."""
    chunk: int = 1 << 50
    """Costs no memory. A proxy may send a body of any size as one."""
    trailers: int = 64 * KIB
    """Larger ones are read and dropped."""
    ahead: int = 64 * KIB
    """What may come behind a preview before it is answered."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. ``End`` follows, also where there is no body."""

    method: str
    """``OPTIONS``, ``REQMOD`` or ``RESPMOD``."""
    uri: str
    version: str
    headers: Headers
    """Of ICAP, as sent, in order; bytes beyond ASCII are Latin-1. Without credentials: nobody needs them."""
    preview: int | None
    """Bytes that the preview may have. None: the whole body comes at once, or there is none."""
    allows: frozenset[str]
    """Of ``Allow``, in lower case: ``204``, ``206``, ``trailers``."""
    sections: tuple[tuple[str, bytes], ...]
    """The encapsulated heads as they came: ``("req-hdr", b"POST …")``. Nobody looked into them."""
    has_body: bool
    """Of a body of OPTIONS nothing is told."""
    keep_alive: bool
    too_large: bool = False
    """The encapsulated heads were larger than the bound and were dropped: ``sections`` is empty."""

    @property
    def service(self) -> str:
        """The path of the URI without its first slash and its query. Empty: none is named."""
        path = self.uri.split("://", 1)[-1].partition("/")[2]
        return path.partition("?")[0]

    def header(self, name: str) -> str:
        """Return the first header of that name in any case, or an empty string."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of the encapsulated body. Never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview is over and there is more: nothing comes until ``go_on`` or ``answered``."""


@dataclass(frozen=True, slots=True)
class End:
    """The request is whole."""

    trailers: bytes = b""
    """Lines, each with its CRLF, without the blank line. Nobody looked into them."""
    too_large: bool = False
    """They were larger than the bound and were dropped."""


Event = Head | Data | Preview | End
