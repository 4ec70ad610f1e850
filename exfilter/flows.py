"""mitmproxy's flows as transfers, live and from a dump.

Besides ``addons/`` and ``proxy.py`` the only module that knows mitmproxy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from mitmproxy import exceptions
from mitmproxy.dns import DNSFlow
from mitmproxy.http import Headers as HttpHeaders
from mitmproxy.http import HTTPFlow, Request
from mitmproxy.io import FlowReader
from mitmproxy.tcp import TCPFlow
from mitmproxy.udp import UDPFlow

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


@dataclass(frozen=True, slots=True)
class Captured:
    """A transfer out of a dump."""

    transfer: Transfer
    flow: str
    """mitmproxy's id of the flow."""
    place: str
    """Where in the dump: ``flow 3``, ``flow 3 message 2``; counted from 1."""
    missing: tuple[Unscanned, ...] = ()
    """What the dump did not keep (a streamed body). Empty: all of it is there."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The dump broke off here. Everything before was whole; nothing after it can be found again."""

    flows: int
    """Flows that were read whole."""
    offset: int
    """Byte at which the broken flow begins."""
    size: int
    """Bytes of the dump."""

    def __str__(self) -> str:
        """Say it in one sentence."""
        return (
            f"the dump breaks off in the flow that begins at byte {self.offset} of {self.size}: "
            f"{self.flows} whole flows were read, what follows was not"
        )


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


def read(path: Path) -> Iterator[Captured | Truncated]:
    """Yield the outbound transfers of a mitmproxy dump, one flow in memory at a time.

    A dump that breaks off yields what is whole and then one ``Truncated``.
    Raises OSError when the file cannot be read and ValueError when it is no dump of mitmproxy, or one of
    a newer version.
    """
    with path.open("rb") as file:
        dump = _Dump(file, path.stat().st_size)
        _check(dump, str(path))
        flows = iter(FlowReader(cast("BinaryIO", dump)).stream())
        ordinal, begin = 0, 0
        while True:
            try:
                flow = next(flows, None)
            except exceptions.FlowReadException as error:
                _refuse_newer(error, str(path))
                yield Truncated(ordinal, begin, dump.size)
                return
            except Exception:  # noqa: BLE001 - whatever a damaged state makes mitmproxy raise, reading ends
                yield Truncated(ordinal, begin, dump.size)
                return
            if flow is None:
                return
            ordinal, begin = ordinal + 1, dump.tell()
            yield from _captured(flow, f"flow {ordinal}")


class _Dump:
    """A file that never promises more bytes than it has: a forged length then costs no memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    def read(self, length: int = -1) -> bytes:
        left = max(0, self.size - self._file.tell())
        return self._file.read(left if length < 0 else min(length, left))

    def peek(self, length: int) -> bytes:
        where = self._file.tell()
        head = self._file.read(length)
        self._file.seek(where)
        return head

    def tell(self) -> int:
        return self._file.tell()


def _check(dump: _Dump, path: str) -> None:
    head = dump.peek(13).removeprefix(b"\xef\xbb\xbf")
    if head.startswith(b"{"):
        msg = f"{path} looks like JSON (HAR); replay reads dumps that `mitmdump -w FILE` writes."
        raise ValueError(msg)
    digits, colon, _rest = head.partition(b":")
    cut_short = dump.size < len(head) + 1 and digits.isdigit()
    if head and not cut_short and not (colon and digits.isdigit()):
        msg = f"{path} is not a mitmproxy dump; replay reads the files that `mitmdump -w FILE` writes."
        raise ValueError(msg)


def _refuse_newer(error: exceptions.FlowReadException, path: str) -> None:
    if "flow format version" in str(error):
        msg = f"{path} was written by a version of mitmproxy that is not known here: {error}"
        raise ValueError(msg) from None


def _captured(flow: Flow, place: str) -> Iterator[Captured]:
    if isinstance(flow, HTTPFlow):
        yield Captured(from_request(flow, "replay"), flow.id, place, _missing(flow))
        messages = flow.websocket.messages if flow.websocket else ()
        for number, message in enumerate(messages, 1):
            if message.from_client:
                yield Captured(from_message(flow, message, "replay"), flow.id, f"{place} message {number}")
    elif isinstance(flow, TCPFlow | UDPFlow):
        body = b"".join(message.content for message in flow.messages if message.from_client)
        yield Captured(_raw(flow, flow.type.upper(), body), flow.id, place)
    elif isinstance(flow, DNSFlow):
        names = "\n".join(question.name for question in flow.request.questions)
        yield Captured(_raw(flow, "DNS", names.encode("utf-8", "replace")), flow.id, place)


def _raw(flow: Flow, method: str, body: bytes) -> Transfer:
    address = flow.server_conn.address
    return Transfer(
        door="replay",
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
    authority = _text(request.data.authority)
    plain = _host(request.host)
    if authority.lower() in {"", plain, f"{plain}:{request.port}"}:
        return ()
    return ((":authority", authority),)


def _headers(headers: HttpHeaders | None) -> Headers:
    fields = headers.fields if headers is not None else ()
    return tuple((_text(name), _text(value)) for name, value in fields)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _clean(text: str) -> str:
    """Undo mitmproxy's surrogate escapes: bytes that are not UTF-8 are read as Latin-1."""
    return _text(text.encode("utf-8", "surrogateescape"))
