"""The scanning addon: every outbound message is held until its verdict is known."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from addons import page
from addons.private.stream import dropped_bytes
from exfilter import flows
from exfilter.door.metrics import Refusal

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow, Response

    from addons.gate import Clearances
    from exfilter.door.desk import Desk, Outcome
    from exfilter.model import Transfer

_METHOD = re.compile(rb"[A-Z][A-Z-]{0,19}")
"""What a method may be: no place for text, not even in the case of its letters."""


class Guard:
    """Flow to transfer to outcome, to forwarding or the block page."""

    def __init__(self, desk: Desk, clearances: Clearances, max_body: int, contact: str = "") -> None:
        self._contact = contact
        self._desk = desk
        self._clearances = clearances
        self._max_body = max_body

    async def request(self, flow: HTTPFlow) -> None:
        """Hold a request until it is judged."""
        if flow.response is not None:
            return  # An answer stands already (407 of the proxy's authentication): nothing leaves.
        accept = flow.request.headers.get("accept", "")
        # Fail closed. Rule 1: the flow is answered with a refusal before anything can go wrong, because
        # mitmproxy forwards a request whose addon raised. Rule 2: only `_pass` takes that answer away, on
        # an outcome that says `forward`. Rule 3: the gate, later in the chain, blocks what has no mark.
        flow.response = page.refused(accept)
        try:
            flow.request.headers.pop("proxy-authorization", None)
            outcome = await self._judge(flow, flows.from_request(flow, "proxy"))
        except Exception:
            if self._desk.audit_only:
                self._pass(flow)
            raise
        if outcome.forward:
            self._pass(flow)
            return
        flow.request.raw_content = b""
        if dropped_bytes(flow) or not outcome.transfer_id:
            flow.response = self._refusal(flow, accept)
        else:
            flow.response = page.held(outcome.transfer_id, accept, self._contact)
        if flow.request.method == "HEAD":
            flow.response.raw_content = b""

    http_connect = request
    """The host name of a tunnel is itself a carrier."""

    async def websocket_message(self, flow: HTTPFlow) -> None:
        """Hold a client's message until it is judged; forget the ones before it."""
        if flow.websocket is None:
            return
        del flow.websocket.messages[:-1]
        message = flow.websocket.messages[-1]
        if not message.from_client or message.dropped:
            return
        # Fail closed, as above: dropped first, picked up again on an outcome that says `forward`.
        message.drop()
        try:
            forward = (await self._desk.judge(flows.from_message(flow, message, "proxy"))).forward
        except Exception:
            if self._desk.audit_only:
                self._clearances.grant(message)
                message.dropped = False
            raise
        if forward:
            self._clearances.grant(message)
            message.dropped = False
        else:
            message.content = b""

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Do not store what comes back, and do not let it lead the client around this door."""
        if flow.response is not None:
            flow.response.headers.pop("alt-svc", None)
            flow.response.stream = True

    def response(self, flow: HTTPFlow) -> None:
        """Free the body, which mitmproxy keeps alive until a garbage collection."""
        flow.request.raw_content = None

    error = response

    def websocket_end(self, flow: HTTPFlow) -> None:
        """Free the last message."""
        if flow.websocket is not None:
            flow.websocket.messages.clear()

    def done(self) -> None:
        """Finish what is being recorded."""
        self._desk.close()

    async def _judge(self, flow: HTTPFlow, transfer: Transfer) -> Outcome:
        if not _has_method(flow):
            reason = "the method is not made of capital letters and hyphens"
            return await self._desk.refuse(transfer, reason, Refusal.METHOD)
        if dropped_bytes(flow):
            reason = f"the body is larger than the {self._max_body} bytes that are read"
            return await self._desk.refuse(transfer, reason, Refusal.TOO_LARGE)
        return await self._desk.judge(transfer)

    def _refusal(self, flow: HTTPFlow, accept: str) -> Response:
        if dropped_bytes(flow):
            return page.too_large(self._max_body, accept, self._contact)
        if not _has_method(flow):
            return page.no_method(accept)
        return page.refused(accept, self._contact)

    def _pass(self, flow: HTTPFlow) -> None:
        self._clearances.grant(flow)
        flow.response = None


def _has_method(flow: HTTPFlow) -> bool:
    # The bytes that would be sent: `request.method` shows them in upper case.
    return _METHOD.fullmatch(flow.request.data.method) is not None
