"""The guard fails closed: whatever happens, only an outcome that says so lets a flow go."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from mitmproxy.http import Headers, HTTPFlow, Response
from mitmproxy.proxy.layers.http._hooks import (
    HttpConnectHook,
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.proxy.layers.websocket import WebsocketEndHook, WebsocketMessageHook
from mitmproxy.test import tflow, tutils

from addons.private import stream
from addons.private.calls import ExfilterPieceHook, Piece
from exfilter.body import whole
from exfilter.door.desk import ATTEMPTS
from exfilter.door.pool import BusyError, LostError
from exfilter.door.spool import Spool
from exfilter.model import Reason
from tests.addons.fakes import SECRET, Door, Scanner

if TYPE_CHECKING:
    from exfilter.model import Expired, Transfer, Verdict

CLEAN = b"name=value"
LEAK = b"to=" + SECRET


def flow(content: bytes, **headers: str) -> HTTPFlow:
    sent = tuple((name.encode(), value.encode()) for name, value in headers.items())
    made = tflow.tflow(req=tutils.treq(content=content, headers=sent))
    made.live = True
    return made


class Raising(Scanner):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:  # noqa: ARG002
        raise self.error


def test_a_clean_request_is_forwarded_after_its_journal_line() -> None:
    door, sent = Door(), flow(CLEAN)
    door.fire(HttpRequestHook(sent))
    assert sent.response is None
    assert sent.request.raw_content == CLEAN
    assert [(line["held"], line["transfer_id"]) for line in door.journal.lines] == [(False, "")]


def test_a_leak_is_answered_with_a_page_that_has_its_id_and_none_of_its_values() -> None:
    door, sent = Door(), flow(LEAK)
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 403
    assert sent.response.headers["X-Exfilter-Transfer"] == "t1"
    assert b"t1" in (sent.response.content or b"")
    assert SECRET not in (sent.response.content or b"")
    assert sent.request.raw_content == b""
    assert whole(door.quarantine.held[0][0].body) == LEAK
    assert [(line["held"], line["transfer_id"]) for line in door.journal.lines] == [(True, "t1")]


def test_a_client_that_prefers_json_gets_json() -> None:
    door, sent = Door(), flow(LEAK, accept="text/html;q=0.1, application/json")
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert json.loads(sent.response.content or b"")["transfer"] == "t1"


def test_a_held_head_request_is_answered_without_body() -> None:
    door, sent = Door(), flow(b"")
    sent.request.method, sent.request.path = "HEAD", "/?to=" + SECRET.decode()
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.raw_content == b""


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        MemoryError(),
        RecursionError(),
        KeyboardInterrupt(),
        SystemExit(1),
        asyncio.CancelledError(),
    ],
)
def test_a_raising_scan_is_held_and_recorded(error: BaseException) -> None:
    door, sent = Door(Raising(error)), flow(CLEAN)
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 403
    assert door.journal.lines[0]["rule"] == "fail-closed"


@pytest.mark.parametrize("cause", [Reason.DEADLINE, Reason.MALFORMED])
def test_what_a_worker_was_lost_over_is_held_by_another(cause: Reason) -> None:
    door, sent = Door(), flow(CLEAN)
    door.pool.lost.append(LostError(cause))
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert door.journal.lines[0]["rule"] == "fail-closed"
    assert whole(door.quarantine.held[0][0].body) == CLEAN


@pytest.mark.parametrize("error", [LostError(Reason.DEADLINE), BusyError()])
def test_what_nobody_can_record_is_refused(error: Exception) -> None:
    door, sent = Door(), flow(CLEAN)
    door.pool.lost.append(LostError(Reason.MALFORMED))
    door.recorders.lost.extend([error] * ATTEMPTS)
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 503


def test_who_finds_nobody_free_is_told_so_and_recorded() -> None:
    door, sent = Door(), flow(CLEAN)
    door.pool.lost.append(BusyError())
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert (sent.response.status_code, sent.response.headers["retry-after"]) == (503, "10")
    assert [line["held"] for line in door.journal.lines] == [True]


@pytest.mark.parametrize("body", [CLEAN, LEAK])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
def test_what_cannot_be_written_down_is_not_forwarded(body: bytes, error: BaseException) -> None:
    door, sent = Door(), flow(body)
    door.journal.full = error
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.headers["X-Exfilter-Transfer"] == "t1"
    assert len(door.quarantine.held) == 1


def test_what_can_be_neither_held_nor_written_down_is_refused_without_an_id() -> None:
    door, sent = Door(), flow(LEAK)
    door.journal.full = door.quarantine.full = OSError(28, "No space left on device")
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 503
    assert "X-Exfilter-Transfer" not in sent.response.headers


def test_a_flow_that_cannot_be_read_is_not_forwarded(monkeypatch: pytest.MonkeyPatch) -> None:
    door, sent = Door(), flow(CLEAN)
    monkeypatch.delattr(sent.request.data, "host")
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 503


def spooled(sent: HTTPFlow, limit: int, data: bytes) -> Spool:
    spool = Spool(limit)
    spool += data
    stream._spools[sent] = spool
    return spool


def test_a_body_that_was_too_large_to_keep_is_refused() -> None:
    door, sent = Door(), flow(b"")
    spooled(sent, 10, b"x" * 5000)
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 413
    assert door.journal.lines[0]["held"] is True


def test_a_body_for_which_there_is_no_room_is_refused() -> None:
    door, sent = Door(), flow(b"")
    spooled(sent, 10, b"x" * 5000).broken = "No space left on device"
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 503
    assert door.journal.lines[0]["held"] is True


def test_a_body_in_a_file_is_scanned_and_held_like_any() -> None:
    door = Door()
    for body in (bytes(3 << 20) + LEAK, b"x" * (3 << 20)):
        sent = flow(b"")
        assert spooled(sent, 4 << 20, body).file is not None
        door.fire(HttpRequestHook(sent))
        assert (sent.response is None) == (LEAK not in body)


def test_an_answer_that_stands_is_left_alone() -> None:
    door, sent = Door(), flow(LEAK)
    sent.response = Response.make(407)
    door.fire(HttpRequestHook(sent))
    assert sent.response.status_code == 407
    assert not door.scanner.seen


def test_a_release_passes_once() -> None:
    door = Door()
    door.quarantine.released.add(LEAK)
    first, second = flow(LEAK), flow(LEAK)
    door.run(lambda context: door._fire(context, (HttpRequestHook(first), HttpRequestHook(second))))
    assert first.response is None
    assert second.response is not None
    assert [line["held"] for line in door.journal.lines] == [False, True]


@pytest.mark.parametrize("sent", [False, True])
def test_a_release_holds_again_where_nothing_was_sent(sent: bool) -> None:  # noqa: FBT001
    door, first = Door(), flow(LEAK)
    door.quarantine.released.add(LEAK)
    door.fire(HttpRequestHook(first))
    assert first.response is None
    assert not door.quarantine.released
    if sent:
        stream.mark_sent(first)
    failure = stream.Failure(first, 502)
    door.fire(HttpErrorHook(first), stream.ExfilterFailureHook(failure))
    assert door.quarantine.released == (set() if sent else {LEAK})
    assert failure.answer is not None
    assert failure.answer.headers["x-exfilter-transfer"] == "released"


def test_a_release_that_could_not_be_recorded_holds_again() -> None:
    door, sent = Door(), flow(LEAK)
    door.quarantine.released.add(LEAK)
    door.journal.full = OSError(28, "No space left on device")
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert door.quarantine.released == {LEAK}


def test_a_release_does_not_cover_a_cookie_with_a_customer() -> None:
    door, sent = Door(), flow(LEAK, cookie=SECRET.decode())
    door.quarantine.released.add(LEAK)
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert door.quarantine.released


def test_audit_only_records_a_leak_and_lets_it_pass() -> None:
    door, sent = Door(audit_only=True), flow(LEAK)
    door.fire(HttpRequestHook(sent))
    assert sent.response is None
    assert sent.request.raw_content == LEAK
    assert not door.quarantine.held
    assert door.journal.lines[0]["audit_only"] is True


def test_audit_only_never_blocks_not_even_what_fails() -> None:
    door, sent = Door(Raising(ValueError()), audit_only=True), flow(CLEAN)
    door.journal.full = OSError(28, "No space left on device")
    door.fire(HttpRequestHook(sent))
    assert sent.response is None


@pytest.mark.parametrize(("broken", "status"), [("", 413), ("No space left on device", 503)])
@pytest.mark.parametrize("full", [None, OSError()])
def test_audit_only_sends_no_body_that_is_not_here_and_records_that(
    broken: str, status: int, full: OSError | None
) -> None:
    door, sent = Door(audit_only=True), flow(b"")
    door.journal.full = full
    spooled(sent, 10, b"x" * 5000).broken = broken
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == status
    assert [line["held"] for line in door.journal.lines] == ([] if full else [True])


def test_the_messages_of_a_stream_share_an_id_that_no_other_has() -> None:
    door = Door()
    for sent in (flow(b""), flow(b"")):
        for _ in range(3):
            door.fire(ExfilterPieceHook(Piece(sent, CLEAN)))
    ids = [each.stream.id if each.stream else "" for each in door.scanner.seen]
    assert ids[:3] == [ids[0]] * 3
    assert ids[3:] == [ids[3]] * 3
    assert len({*ids, ""}) == 3


def test_a_proxy_password_behind_the_messages_of_a_call_goes_no_further() -> None:
    door, sent = Door(), flow(b"")
    sent.request.trailers = Headers(((b"proxy-authorization", b"Basic c2VjcmV0"), (b"x-sum", b"1")))
    piece = Piece(sent, CLEAN)
    door.fire(ExfilterPieceHook(piece))
    assert piece.passes
    assert list(sent.request.trailers) == ["x-sum"]
    assert door.scanner.seen[0].trailers == (("x-sum", "1"),)


def test_the_host_of_a_tunnel_is_a_carrier() -> None:
    door = Door()
    clean, leak = (tflow.tflow(req=tutils.treq(method=b"CONNECT")) for _ in range(2))
    leak.request.host = SECRET.decode()
    door.run(lambda context: door._fire(context, (HttpConnectHook(clean), HttpConnectHook(leak))))
    assert clean.response is None
    assert leak.response is not None
    assert leak.response.status_code == 403


def test_a_proxy_password_is_neither_scanned_nor_forwarded() -> None:
    door, sent = Door(), flow(CLEAN, **{"proxy-authorization": "Basic c2VjcmV0"})
    door.fire(HttpRequestHook(sent))
    assert "proxy-authorization" not in sent.request.headers
    assert door.scanner.seen[0].header("proxy-authorization") == ""


def test_a_websocket_message_with_a_customer_is_dropped() -> None:
    door, sent = Door(), tflow.twebsocketflow()
    assert sent.websocket is not None
    message = sent.websocket.messages[0]
    del sent.websocket.messages[1:]
    message.content = LEAK
    door.fire(WebsocketMessageHook(sent))
    assert message.dropped
    assert message.content == b""
    assert whole(door.quarantine.held[0][0].body) == LEAK


def test_a_clean_websocket_message_passes_and_older_ones_are_forgotten() -> None:
    door, sent = Door(), tflow.twebsocketflow()
    assert sent.websocket is not None
    message = sent.websocket.messages[0]
    sent.websocket.messages.reverse()
    door.fire(WebsocketMessageHook(sent))
    assert not message.dropped
    assert sent.websocket.messages == [message]
    door.fire(WebsocketEndHook(sent))
    assert not sent.websocket.messages


def test_a_websocket_message_whose_scan_fails_is_dropped() -> None:
    door, sent = Door(Raising(ValueError())), tflow.twebsocketflow()
    assert sent.websocket is not None
    del sent.websocket.messages[1:]
    door.fire(WebsocketMessageHook(sent))
    assert sent.websocket.messages[0].dropped


def test_answers_are_streamed_and_lead_to_no_other_door() -> None:
    door, sent = Door(), flow(CLEAN)
    sent.response = tutils.tresp(headers=((b"alt-svc", b'h3=":443"'),))
    door.fire(HttpResponseHeadersHook(sent))
    assert sent.response.stream is True
    assert "alt-svc" not in sent.response.headers


def test_a_body_is_freed_when_its_answer_is_there() -> None:
    door, sent = Door(), flow(CLEAN)
    sent.response = tutils.tresp()
    door.fire(HttpResponseHook(sent))
    assert sent.request.raw_content is None


@pytest.mark.parametrize("method", [b"post", b"Post", b"JANE.DOE@EXAMPLE.COM", b"A" * 21, b"", b"A_B"])
def test_a_method_that_is_none_is_refused_and_recorded(method: bytes) -> None:
    door, sent = Door(), flow(CLEAN)
    sent.request.data.method = method
    door.fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 405
    assert [line["held"] for line in door.journal.lines] == [True]
    assert not door.scanner.seen


def test_a_method_that_is_none_passes_where_everything_does() -> None:
    door, sent = Door(audit_only=True), flow(CLEAN)
    sent.request.data.method = b"post"
    door.fire(HttpRequestHook(sent))
    assert sent.response is None
