"""The scanning addon: every outbound message is held until its verdict is known."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from addons.answers import response
from addons.private import calls, stream, websocket
from exfilter import flows
from exfilter.door import page
from exfilter.door.metrics import Refusal
from exfilter.door.problems import is_method, problem
from exfilter.model import Stream

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from addons.gate import Clearances
    from exfilter.door.desk import Desk
    from exfilter.door.pool import Arrival
    from exfilter.door.problems import Problem
    from exfilter.door.tasks import Outcome
    from exfilter.model import Transfer

_ABOUT = frozenset({"content-type", "content-encoding", "grpc-encoding", "connect-content-encoding"})
"""Headers of a call that say how its messages are to be read."""
TAIL = 16 * 1024
"""Bytes of the messages of a stream that are read again with the next one."""


class Guard:
    """Flow to transfer to outcome, to forwarding or the block page."""

    def __init__(self, desk: Desk, clearances: Clearances, max_body: int, contact: str = "") -> None:
        self._contact = contact
        self._desk = desk
        self._clearances = clearances
        self._max_body = max_body
        self._closed = response(page.REFUSED, "", contact)
        """The answer of every request until it is judged. Made once: that takes as long as all else here."""
        self._held: WeakSet[HTTPFlow] = WeakSet()
        self._streams: WeakKeyDictionary[HTTPFlow, Stream] = WeakKeyDictionary()
        self._releases: WeakKeyDictionary[HTTPFlow, str] = WeakKeyDictionary()
        """The ids of those by which requests pass."""
        self._tasks: set[asyncio.Task[Outcome]] = set()

    @property
    def held(self) -> int:
        """Requests that have no answer yet."""
        return len(self._held) + len(stream.SpoolStream.arriving)

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Take away what is for this proxy and nobody else."""
        flow.request.headers.pop("proxy-authorization", None)
        # Compressed messages are inflated before anybody can say that they are too large.
        flow.request.headers.pop("sec-websocket-extensions", None)

    def early(self, flow: HTTPFlow, file: int) -> Arrival | None:
        """Have a large body read while it arrives. None: it is read when it is whole."""
        if flow.response is not None or not is_method(_method(flow)):
            return None
        return self._desk.arriving(flows.from_request(flow, "proxy"), file)

    async def request(self, flow: HTTPFlow) -> None:
        """Hold a request until it is judged."""
        if flow.response is not None:
            return  # An answer stands already (407 of the proxy's authentication): nothing leaves.
        accept = flow.request.headers.get("accept", "")
        # Fail closed. Rule 1: the flow is answered with a refusal before anything can go wrong, because
        # mitmproxy forwards a request whose addon raised. Rule 2: only `_pass` takes that answer away, on
        # an outcome that says `forward`. Rule 3: the gate, later in the chain, blocks what has no mark.
        flow.response = self._closed
        try:
            if flow.request.method != "CONNECT":  # a tunnel has no end that would be told of
                self._held.add(flow)
            flow.request.headers.pop("proxy-authorization", None)
            outcome = await self._judge(flow, _transfer(flow))
        except Exception:
            flow.response = response(page.REFUSED, accept, self._contact)
            if self._desk.audit_only:
                self._pass(flow)
            raise
        if outcome.forward:
            self._note_release(flow, outcome)
            self._pass(flow)
            return
        flow.request.raw_content = b""
        if outcome.busy:
            flow.response = response(page.BUSY, accept)
        elif outcome.transfer_id:
            flow.response = response(page.HELD, accept, self._contact, outcome.transfer_id)
        else:
            wrong = self._problem(flow)
            flow.response = response(wrong.page if wrong else page.REFUSED, accept, self._contact)
        if flow.request.method == "HEAD":
            flow.response.raw_content = b""

    http_connect = request
    """The host name of a tunnel is itself a carrier."""

    async def exfilter_opening(self, opening: calls.Opening) -> None:
        """Let a call go on message by message where the policy says so, and nothing is in its head."""
        transfer = flows.from_request(opening.flow, "proxy")
        if is_method(_method(opening.flow)):
            outcome = await self._desk.open(transfer)
            opening.granted = outcome.forward
            self._note_release(opening.flow, outcome)

    async def exfilter_piece(self, piece: calls.Piece) -> None:
        """Judge messages of a call. Fail closed: only an outcome that says ``forward`` lets them pass."""
        flow = piece.flow
        accept = flow.request.headers.get("accept", "")
        piece.refusal = response(page.REFUSED, accept, self._contact)
        if flow.request.trailers is not None:
            flow.request.trailers.pop("proxy-authorization", None)
        transfer = replace(_message(flow, piece.data), stream=self._before(flow))
        if piece.too_large:
            reason = f"a message of more than {calls.LARGEST} bytes"
            outcome = await self._desk.refuse(transfer, reason, Refusal.TOO_LARGE)
        else:
            outcome = await self._desk.judge(transfer)
        self._remember(flow, piece.data, outcome)
        piece.passes = outcome.forward
        if outcome.transfer_id:
            piece.refusal = response(page.HELD, accept, self._contact, outcome.transfer_id)

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
        sent = message.content
        try:
            transfer = flows.from_message(flow, message, "proxy")
            outcome = await self._desk.judge(replace(transfer, stream=self._before(flow)))
            self._remember(flow, sent, outcome)
        except Exception:
            if self._desk.audit_only:
                self._clearances.grant(message)
                message.dropped = False
            raise
        if outcome.forward:
            self._clearances.grant(message)
            message.dropped = False
        else:
            message.content = b""
            websocket.close(flow, page.said(outcome.transfer_id))

    def _before(self, flow: HTTPFlow) -> Stream:
        """Return what is known of a stream; its first message gives it an id."""
        return self._streams.setdefault(flow, Stream(secrets.token_hex(16)))

    def _remember(self, flow: HTTPFlow, sent: bytes, outcome: Outcome) -> None:
        """Keep of a stream what its next message is judged with."""
        before = self._before(flow)
        last = (before.last + sent)[-TAIL:]
        customers = outcome.customers or before.customers
        self._streams[flow] = Stream(before.id, last, customers, max(before.unread, outcome.unread))

    def flooded(self, flow: HTTPFlow) -> None:
        """Record a message that was too large to be judged."""
        transfer = flows.from_request(flow, "proxy")
        reason = f"a WebSocket message of more than {websocket.LARGEST} bytes"
        refusal = self._desk.refuse(transfer, reason, Refusal.TOO_LARGE, lost=True)
        task = asyncio.get_running_loop().create_task(refusal)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Do not store what comes back, and do not let it lead the client around this door."""
        if flow.response is not None:
            flow.response.headers.pop("alt-svc", None)
            flow.response.headers.pop("sec-websocket-extensions", None)
            flow.response.stream = True

    def response(self, flow: HTTPFlow) -> None:
        """Free the body, which mitmproxy keeps alive until a garbage collection."""
        self._held.discard(flow)
        flow.request.raw_content = None

    async def error(self, flow: HTTPFlow) -> None:
        """Free the body, and let a release hold again by which nothing was sent."""
        self.response(flow)
        released = self._releases.get(flow)
        if released and not stream.is_sent(flow):
            await self._desk.restore(released)

    def exfilter_failure(self, failure: stream.Failure) -> None:
        """Say what went wrong without a word of mitmproxy's."""
        flow = failure.flow
        said = page.BROKEN_OFF if stream.is_sent(flow) else page.UNREACHED
        said = page.MALFORMED if failure.status < page.UNREACHED.status else said
        accept = flow.request.headers.get("accept", "")
        failure.answer = response(said, accept, self._contact, self._releases.get(flow, ""))
        if flow.request.method == "HEAD":
            failure.answer.raw_content = b""

    def websocket_end(self, flow: HTTPFlow) -> None:
        """Free the last message."""
        if flow.websocket is not None:
            flow.websocket.messages.clear()

    async def _judge(self, flow: HTTPFlow, transfer: Transfer) -> Outcome:
        spool, reading = stream.spool(flow), stream.arrival(flow)
        wrong = self._problem(flow)
        if reading is not None and (wrong is not None or flow.request.trailers):
            reading.abandon()  # nobody waits for it, or it has read the body without its trailers
            reading = None
        if wrong is not None:
            lost = spool is not None and spool.dropped > 0
            return await self._desk.refuse(transfer, wrong.reason, wrong.why, lost=lost)
        return await self._desk.judge(transfer, reading)

    def _problem(self, flow: HTTPFlow) -> Problem | None:
        return problem(_method(flow), stream.spool(flow), self._max_body)

    def _note_release(self, flow: HTTPFlow, outcome: Outcome) -> None:
        if outcome.released:
            self._releases[flow] = outcome.released

    def _pass(self, flow: HTTPFlow) -> None:
        spool = stream.spool(flow)
        if spool is not None and spool.dropped:
            return  # Nothing of the body is here: also where everything passes, nothing goes on cut off.
        self._clearances.grant(flow)
        flow.response = None


def _transfer(flow: HTTPFlow) -> Transfer:
    """Return a request with its body, also one that lies in a file."""
    spool = stream.spool(flow)
    if spool is None or spool.file is None:
        return flows.from_request(flow, "proxy")
    return replace(flows.from_request(flow, "proxy"), body=spool.body())


def _message(flow: HTTPFlow, data: bytes) -> Transfer:
    """Return messages of a call; its head was judged when it was opened."""
    request = flows.from_request(flow, "proxy")
    kept = tuple((name, value) for name, value in request.headers if name.lower() in _ABOUT)
    # It is sent now, however long ago the call began.
    return replace(request, body=data, headers=kept, time=time.time())


def _method(flow: HTTPFlow) -> str:
    # The bytes that would be sent: `request.method` shows them in upper case.
    return flow.request.data.method.decode("latin-1")
