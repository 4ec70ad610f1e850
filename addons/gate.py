"""The second line, last in the chain: nothing leaves without the mark that the guard gave it.

It also shuts the carriers that no scan stands in front of: streamed bodies, raw TCP and UDP, DNS.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from mitmproxy.net.dns import response_codes

from addons.answers import response
from exfilter.door import page

if TYPE_CHECKING:
    from mitmproxy.dns import DNSFlow
    from mitmproxy.http import HTTPFlow
    from mitmproxy.tcp import TCPFlow
    from mitmproxy.udp import UDPFlow
    from mitmproxy.websocket import WebSocketMessage


class Clearances:
    """The flows and messages that may leave, by identity: no capture and no addon can forge one."""

    def __init__(self) -> None:
        self._cleared: WeakSet[HTTPFlow | WebSocketMessage] = WeakSet()

    def grant(self, item: HTTPFlow | WebSocketMessage) -> None:
        """Let it leave."""
        self._cleared.add(item)

    def __contains__(self, item: HTTPFlow | WebSocketMessage) -> bool:
        """Whether it may leave."""
        return item in self._cleared


class Gate:
    """Blocks what the guard did not clear, for example because it raised."""

    def __init__(self, clearances: Clearances) -> None:
        self._clearances = clearances

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Hold the body: a streamed request has left before anything can be said about it."""
        flow.request.stream = False

    def request(self, flow: HTTPFlow) -> None:
        """Answer in the destination's place."""
        if flow.response is None and flow not in self._clearances:
            flow.response = response(page.REFUSED, flow.request.headers.get("accept", ""))
            if flow.request.method == "HEAD":
                flow.response.raw_content = b""

    http_connect = request

    def websocket_message(self, flow: HTTPFlow) -> None:
        """Drop a client's message."""
        message = flow.websocket.messages[-1] if flow.websocket else None
        if message and message.from_client and message not in self._clearances:
            message.drop()

    def tcp_message(self, flow: TCPFlow) -> None:
        """Empty a raw message; ``rawtcp`` is off, so none is expected."""
        if flow.messages[-1].from_client:
            flow.messages[-1].content = b""

    def udp_message(self, flow: UDPFlow) -> None:
        """Empty a raw message, as above."""
        if flow.messages[-1].from_client:
            flow.messages[-1].content = b""

    def dns_request(self, flow: DNSFlow) -> None:
        """Refuse: a CONNECT to port 53 would carry names, and names carry anything."""
        flow.response = flow.request.fail(response_codes.REFUSED)
