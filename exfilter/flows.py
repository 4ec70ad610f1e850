"""mitmproxy's flows as transfers, live and from a dump.

Besides ``addons/`` and ``proxy.py`` the only module that knows mitmproxy.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mitmproxy import exceptions
from mitmproxy.dns import DNSFlow
from mitmproxy.http import Headers as HttpHeaders
from mitmproxy.http import HTTPFlow, Request
from mitmproxy.io import FlowReader
from mitmproxy.tcp import TCPFlow
from mitmproxy.udp import UDPFlow

from exfilter.captures.captured import DOOR, LARGEST, Captured, Place, Refused, Unread
from exfilter.captures.http1 import text
from exfilter.model import Headers, Reason, Transfer, Unscanned
from exfilter.who.networks import network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mitmproxy.flow import Flow
    from mitmproxy.websocket import WebSocketMessage

ACTOR = "exfilter.actor"
"""Where the door writes on a flow who sent it, as ``Caller.name`` says."""
WEBSOCKET = "WEBSOCKET"
"""The method of a WebSocket message, which has none of its own."""


@dataclass(frozen=True, slots=True)
class Caller:
    """All that is known of who is at the other end. Empty: not that."""

    certificate: str = ""
    proxy_user: str = ""
    socks_user: str = ""
    address: str = ""

    @property
    def name(self) -> str:
        """The actor: what is hardest to borrow comes first. Of an IPv6 address, its network of 64 bits."""
        return self.certificate or self.proxy_user or self.socks_user or network(self.address)


def from_request(flow: HTTPFlow, door: str) -> Transfer:
    """Return the request of a flow as it was sent: raw body, headers in order, trailers.

    The destination is the host that the connection goes to, never the ``Host`` header, which the sender
    is free to write.
    """
    request = flow.request
    return Transfer(
        door=door,
        body=request.raw_content or b"",
        actor=actor(flow),
        destination=_host(request.host),
        method=request.method,
        url=_clean(request.url),
        headers=_authority(request) + _headers(request.headers),
        trailers=_headers(request.trailers),
        time=request.timestamp_start,
    )


def from_response(flow: HTTPFlow) -> Transfer:
    """Return the response of a flow as what its client was shown, without its body."""
    headers = flow.response.headers if flow.response else None
    return Transfer(
        door="response",
        body=b"",
        actor=actor(flow),
        destination=_host(flow.request.host),
        method=flow.request.method,
        url=_clean(flow.request.url),
        headers=_headers(headers),
        time=flow.request.timestamp_start,
    )


def from_message(flow: HTTPFlow, message: WebSocketMessage, door: str) -> Transfer:
    """Return one WebSocket message; its handshake was a request of its own."""
    return Transfer(
        door=door,
        body=message.content,
        actor=actor(flow),
        destination=_host(flow.request.host),
        method=WEBSOCKET,
        url=_clean(flow.request.url),
        time=message.timestamp,
    )


def actor(flow: Flow) -> str:
    """Return who sent a flow: whom the door proved, in a capture of mitmproxy its user, else the address."""
    proven = flow.metadata.get(ACTOR)
    if isinstance(proven, str) and proven:
        return _clean(proven)
    credentials = flow.metadata.get("proxyauth")
    user = credentials[0] if isinstance(credentials, list | tuple) and credentials else ""
    peer = flow.client_conn.peername
    address = str(peer[0]) if peer else ""
    return Caller(proxy_user=_clean(user) if isinstance(user, str) else "", address=address).name


def places(path: Path) -> Iterator[Place | Unread]:
    """Yield where the flows of a dump stand; where it breaks off, what is whole.

    Each flow says how long it is, so they are found without being read, and a damaged one hides none behind
    it. Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        size, at, number = path.stat().st_size, 0, 0
        while at < size:
            number += 1
            file.seek(at)
            length = _length(file.read(_DIGITS + 1), size - at)
            if not length:
                yield Unread(f"flow {number}", _broken(number - 1, at, size))
                return
            name = f"flow {number}"
            if length > LARGEST:
                yield Unread(name, f"a flow of {length} bytes, more than {LARGEST}")
            else:
                yield Place(name, at, length)
            at += length


_DIGITS = 12
"""Of a length, at most, as mitmproxy writes it."""


def _length(head: bytes, left: int) -> int:
    """Return the bytes of the flow that begins so; 0: it is not whole, or none."""
    digits, colon, _ = head.partition(b":")
    if not colon or not digits.isdigit():
        return 0
    length = len(digits) + 1 + int(digits) + 1
    return length if length <= left else 0


def _broken(whole: int, at: int, size: int) -> str:
    return (
        f"the dump breaks off in the flow that begins at byte {at} of {size}: "
        f"{whole} whole flows were read, what follows was not"
    )


def captured(data: bytes, place: str) -> Iterator[Captured | Unread]:
    """Yield the transfers of one flow of a dump, of any version that mitmproxy knows.

    Raises ValueError for one of a newer version.
    """
    try:
        flow = next(iter(FlowReader(io.BytesIO(data)).stream()), None)
    except exceptions.FlowReadException as error:
        _refuse_newer(error)
        flow = None
    except Exception:  # noqa: BLE001 - whatever a damaged state makes mitmproxy raise
        flow = None
    if flow is None:
        yield Unread(place, "the flow is damaged")
    else:
        yield from _captured(flow, place)


def _refuse_newer(error: exceptions.FlowReadException) -> None:
    if "flow format version" in str(error):
        msg = "written by a version of mitmproxy that is not known here"
        raise Refused(msg) from None


def _captured(flow: Flow, place: str) -> Iterator[Captured]:
    if isinstance(flow, HTTPFlow):
        yield Captured(from_request(flow, DOOR), flow.id, place, _missing(flow))
        messages = flow.websocket.messages if flow.websocket else ()
        for number, message in enumerate(messages, 1):
            if message.from_client:
                yield Captured(from_message(flow, message, DOOR), flow.id, f"{place} message {number}")
    elif isinstance(flow, TCPFlow | UDPFlow):
        body = b"".join(message.content for message in flow.messages if message.from_client)
        yield Captured(_raw(flow, flow.type.upper(), body), flow.id, place)
    elif isinstance(flow, DNSFlow):
        names = "\n".join(question.name for question in flow.request.questions)
        yield Captured(_raw(flow, "DNS", names.encode("utf-8", "replace")), flow.id, place)


def _raw(flow: Flow, method: str, body: bytes) -> Transfer:
    address = flow.server_conn.address
    return Transfer(
        door=DOOR,
        body=body,
        actor=actor(flow),
        destination=_host(address[0]) if address else "",
        method=method,
        time=flow.timestamp_start or 0.0,
    )


def _missing(flow: HTTPFlow) -> tuple[Unscanned, ...]:
    if flow.request.raw_content is not None:
        return ()
    length: Any = flow.request.headers.get("content-length", "")
    size = int(length) if length.isascii() and length.isdigit() else 0
    return (Unscanned("request.body (not in the capture)", Reason.OPAQUE, size),)


def _host(host: str) -> str:
    return _clean(host).lower().rstrip(".")


def _authority(request: Request) -> Headers:
    """Return the authority of HTTP/2, or of an absolute URL, where it says more than the destination."""
    authority = text(request.data.authority)
    plain = _host(request.host)
    if authority.lower() in {"", plain, f"{plain}:{request.port}"}:
        return ()
    return ((":authority", authority),)


def _headers(headers: HttpHeaders | None) -> Headers:
    fields = headers.fields if headers is not None else ()
    return tuple((text(name), text(value)) for name, value in fields)


def _clean(said: str) -> str:
    """Undo mitmproxy's surrogate escapes: bytes that are not UTF-8 are read as Latin-1."""
    return text(said.encode("utf-8", "surrogateescape"))
