"""What goes on while it is answered: WebSockets and calls of gRPC, each message judged before it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from wsproto.events import CloseConnection

from exfilter.quarantine import Quarantine
from tests.e2e.house import Proxy, copy
from tests.e2e.http2 import Call, Echo
from tests.e2e.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    with Echo(tmp_path_factory.mktemp("echo") / "far-end") as echo:
        yield echo


def allowing_calls(folder: Path) -> Path:
    policy = folder / "policy.toml"
    text = policy.read_text().replace("[destinations]\n", '[destinations]\ncalls = ["localhost"]\n')
    policy.write_text(text.replace("[streams]\n", '[streams]\ndestinations = ["calls"]\n'))
    return folder


@pytest.fixture(scope="module")
def proxy(template: Path, tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Proxy]:
    folder = allowing_calls(copy(template, tmp_path_factory.mktemp("messages") / "config"))
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write("\npatience = 5\n")
    with Proxy(folder, ("--upstream-ca", str(echo.ca))) as proxy:
        yield proxy


@pytest.fixture
def seen(proxy: Proxy) -> int:
    """Return how many decisions there were before the test."""
    return len(proxy.decisions())


def arrived(far_end: FarEnd) -> list[int]:
    return [arrival.bytes for arrival in far_end.arrivals if arrival.method == "WEBSOCKET"]


def message(text: str) -> bytes:
    """Return a message of gRPC: a protobuf with one text."""
    data = text.encode()
    length, size = b"", len(data)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    body = b"\x0a" + length + bytes([size]) + data
    return b"\0" + len(body).to_bytes(4) + body


def test_a_websocket_message_with_customers_is_dropped_and_the_connection_closed(
    proxy: Proxy, far_end: FarEnd, leak: bytes
) -> None:
    with WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        client.send("good morning")
        assert client.receive() == "arrived"
        client.send(leak.decode())
        closing = client.event()
    assert arrived(far_end) == [len("good morning")]
    (entry, *_) = Quarantine.open(proxy.folder / "quarantine").entries()
    assert entry.method == "WEBSOCKET"
    assert closing == CloseConnection(1008, f"not sent, held for review: {entry.id}")


def test_customers_in_many_websocket_messages_count_together(
    proxy: Proxy, far_end: FarEnd, leak: bytes
) -> None:
    sent = 0
    with WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        for row in leak.decode().splitlines()[1:]:
            client.send(row)
            if isinstance(client.event(), CloseConnection):
                break
            sent += 1
    assert len(arrived(far_end)) == sent < 20


def test_an_address_over_the_seam_of_two_websocket_messages_is_seen(
    proxy: Proxy, far_end: FarEnd, leak: bytes
) -> None:
    emails = [field for line in leak.decode().splitlines() for field in line.split(",") if "@" in field]
    halves = [half for email in emails for half in ("x " + email[:6], email[6:] + " y")]
    sent = 0
    with WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        for half in halves:
            client.send(half)
            if isinstance(client.event(), CloseConnection):
                break
            sent += 1
    assert len(arrived(far_end)) == sent < 2 * 20


def test_a_websocket_message_that_is_too_large_closes_the_connection_and_is_recorded(
    proxy: Proxy, far_end: FarEnd, seen: int
) -> None:
    with WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        client.send("x" * (9 << 20))
        closing = client.event()
        assert isinstance(closing, CloseConnection)
        assert closing.code == 1009
    assert not arrived(far_end)
    reasons = proxy.eventually(lambda: [line["reason"] for line in proxy.decisions()[seen:] if line["held"]])
    assert reasons == ["not examined: a WebSocket message of more than 8388608 bytes"]


def test_a_websocket_that_is_used_for_long_keeps_no_message(proxy: Proxy, far_end: FarEnd) -> None:
    before = proxy.resident()
    with WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        for number in range(40):
            client.send(f"{number} " + "good morning " * 80_000)
            assert client.receive() == "arrived"
    assert len(arrived(far_end)) == 40
    assert proxy.resident() < before + (20 << 20)


def test_a_call_goes_on_message_by_message_where_the_policy_says_so(proxy: Proxy, echo: Echo) -> None:
    with Call(proxy, echo.port, content_type="application/grpc") as call:
        for text in ("good morning", "good night"):
            call.send(message(text))
            assert call.event(DataReceived).data == message(text), "answered while the call is open"
        call.send(b"", last=True)
    assert echo.heads[-1][b"content-type"] == b"application/grpc"


def test_a_message_of_a_call_that_comes_in_pieces_leaves_whole(proxy: Proxy, echo: Echo) -> None:
    begin = len(echo.received)
    sent = message("good morning " * 1000)
    with Call(proxy, echo.port, content_type="application/grpc") as call:
        for at in range(0, len(sent), 1000):
            call.send(sent[at : at + 1000])
        assert call.event(DataReceived)
        assert echo.received[begin:] == sent


@pytest.mark.parametrize("together", [True, False])
def test_a_message_of_a_call_with_customers_ends_it(
    proxy: Proxy, echo: Echo, leak: bytes, *, together: bool
) -> None:
    begin = len(echo.received)
    rows = [leak.decode()] if together else leak.decode().splitlines()[1:]
    with Call(proxy, echo.port, content_type="application/grpc") as call:
        for row in rows:
            call.send(message(row))
            event = call.event(DataReceived, StreamReset)
            if not isinstance(event, DataReceived) or event.data != message(row):
                break
    through = echo.received[begin:]
    assert through.count(b"\x0a") < 20
    assert leak not in through


def test_customers_in_the_head_of_a_call_are_held(proxy: Proxy, echo: Echo, leak: bytes) -> None:
    begin = echo.connections
    with Call(
        proxy, echo.port, content_type="application/grpc", x_note=leak.decode().replace("\r\n", ";")
    ) as call:
        call.send(message("good morning"), last=True)
        assert call.status() == 403
    assert echo.connections == begin


def test_a_call_is_held_to_its_end_elsewhere_and_breaks_if_there_is_none(
    folder: Path, tmp_path: Path
) -> None:
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write("\npatience = 1\n")
    with Echo(tmp_path / "other") as echo, Proxy(folder, ("--upstream-ca", str(echo.ca))) as proxy:
        with Call(proxy, echo.port, content_type="application/grpc") as call:
            call.send(message("good morning"))
            assert call.event(ResponseReceived) is None, "the connection is broken"
        assert echo.connections == 0
        with Call(proxy, echo.port, content_type="application/grpc") as call:
            call.send(message("good morning"), last=True)
            assert call.status() == 200
    assert echo.received == message("good morning")


def test_audit_only_sends_a_message_of_a_call_that_is_too_large_once_and_keeps_none_of_it(
    folder: Path, tmp_path: Path, leak: bytes
) -> None:
    small, size = message(leak.decode()), 40 << 20
    large = b"\0" + size.to_bytes(4) + b"x" * size
    options = ("--audit-only", "--upstream-ca")
    with (
        Echo(tmp_path / "other", echoes=False) as echo,
        Proxy(allowing_calls(folder), (*options, str(echo.ca))) as proxy,
    ):
        before = proxy.resident()
        with Call(proxy, echo.port, content_type="application/grpc") as call:
            call.send(small + large[:100])
            call.send(large[100:] + small, last=True)
            assert call.event(StreamEnded)
        assert proxy.resident(most=True) < before + (20 << 20)
        found = [(line["customers"], line["reason"]) for line in proxy.decisions()]
    assert echo.received == small + large + small
    too_large = "not examined: a message of more than 8388608 bytes"
    assert [customers for customers, _ in found] == [0, 0, 60, 0, 60], (
        "the tunnel, the head, and each message"
    )
    assert [too_large in reason for _, reason in found] == [False, False, False, True, False]
