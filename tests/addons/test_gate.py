"""The gate: what has no mark does not leave, whatever became of the guard."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from mitmproxy.proxy.layers.dns import DnsRequestHook
from mitmproxy.proxy.layers.http._hooks import HttpConnectHook, HttpRequestHeadersHook, HttpRequestHook
from mitmproxy.proxy.layers.tcp import TcpMessageHook
from mitmproxy.proxy.layers.udp import UdpMessageHook
from mitmproxy.proxy.layers.websocket import WebsocketMessageHook
from mitmproxy.test import tflow

from addons.guard import Guard
from tests.addons.fakes import Door


class Absent(Guard):
    """A guard that raises before it has said anything."""

    async def request(self, flow: object) -> None:  # noqa: ARG002
        raise MemoryError

    http_connect = request
    websocket_message = request


def unguarded() -> Door:
    door = Door()
    door.guard.__class__ = Absent
    return door


def test_a_request_without_mark_is_answered_here() -> None:
    sent = tflow.tflow()
    unguarded().fire(HttpRequestHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 503


def test_a_mark_in_the_metadata_is_no_mark() -> None:
    sent = tflow.tflow()
    sent.metadata.update({"cleared": True, "exfilter": "clean"})
    unguarded().fire(HttpRequestHook(sent))
    assert sent.response is not None


def test_a_copy_of_a_cleared_flow_is_not_cleared() -> None:
    door, sent = Door(), tflow.tflow()
    door.fire(HttpRequestHook(sent))
    assert sent.response is None
    copy = sent.copy()
    door.gate.request(copy)
    assert copy.response is not None


def test_a_tunnel_without_mark_is_not_opened() -> None:
    sent = tflow.tflow()
    unguarded().fire(HttpConnectHook(sent))
    assert sent.response is not None
    assert sent.response.status_code == 503


def test_a_websocket_message_without_mark_is_dropped() -> None:
    sent = tflow.twebsocketflow()
    assert sent.websocket is not None
    del sent.websocket.messages[1:]
    unguarded().fire(WebsocketMessageHook(sent))
    assert sent.websocket.messages[-1].dropped


def test_no_request_is_streamed() -> None:
    sent = tflow.tflow()
    sent.request.stream = True
    Door().fire(HttpRequestHeadersHook(sent))
    assert sent.request.stream is False


def test_raw_bytes_are_emptied() -> None:
    tcp, udp = tflow.ttcpflow(), tflow.tudpflow()
    for raw in (tcp, udp):
        del raw.messages[1:]
    Door().fire(TcpMessageHook(tcp), UdpMessageHook(udp))
    assert tcp.messages[0].content == udp.messages[0].content == b""


def test_names_are_not_asked_for() -> None:
    sent = tflow.tdnsflow()
    Door().fire(DnsRequestHook(sent))
    assert sent.response is not None
    assert sent.response.response_code == 5
