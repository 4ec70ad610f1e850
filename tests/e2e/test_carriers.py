"""What a protocol carries besides bodies: nothing of it passes unread. Real proxy, far end that counts."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import mitmproxy
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from fixtures.farend import certify
from tests.e2e.house import COMMAND, PATIENCE, Proxy, Shared, copy, environment, http, https
from tests.e2e.websocket import Listener, WebSocket, tunnel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsproto import WSConnection
    from wsproto.events import Event

    from fixtures.farend import FarEnd


@pytest.fixture
def proxy(shared: Shared) -> Proxy:
    return shared.begin()


@pytest.fixture(scope="session")
def emails(leak: bytes) -> list[bytes]:
    found = [field for line in leak.splitlines() for field in line.split(b",") if b"@" in field]
    assert len(found) >= 50
    return found


def client_context(proxy: Proxy, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(proxy.ca))
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def test_pings_and_pongs_of_a_client_arrive_empty_and_its_close_without_reason(
    proxy: Proxy, emails: list[bytes]
) -> None:
    with Listener() as listener, WebSocket(proxy.address, "127.0.0.1", listener.port) as client:
        for email in emails:
            client.frame(Ping(email))
            client.frame(Pong(email))
            assert client.event() == Pong(email), "the ping is answered with what it sent"
            assert client.event() == Pong(), "the far end answers as well"
        client.send("good morning")
        assert client.receive() == "arrived"
        client.frame(CloseConnection(4001, emails[0].decode()))
        assert isinstance(client.event(), CloseConnection)
    closing_frame = listener.frames.pop()
    assert isinstance(closing_frame, CloseConnection)
    assert (closing_frame.code, closing_frame.reason or "") == (4001, "")
    assert len(listener.frames) == 2 * len(emails)
    assert {bytes(frame.payload) for frame in listener.frames if isinstance(frame, Ping | Pong)} == {b""}
    handshake, frames = listener.received.split(b"\r\n\r\n", 1)
    # Two empty frames of 6 bytes for each e-mail, one message of 12 and one close of 2 besides.
    assert len(frames) == 2 * len(emails) * 6 + (6 + 12) + (6 + 2)
    assert b"@" not in handshake


def test_a_pong_repeats_what_the_far_end_asked_with_and_nothing_else(proxy: Proxy) -> None:
    with (
        Listener(b"first", b"second") as listener,
        WebSocket(proxy.address, "127.0.0.1", listener.port) as client,
    ):
        asked = [client.event(), client.event()]
        assert asked == [Ping(b"first"), Ping(b"second")]
        for answer in (b"second", b"first", b"second", b"third"):
            client.frame(Pong(answer))
        client.frame(CloseConnection(1000))
        assert isinstance(client.event(), CloseConnection)
    pongs = [bytes(frame.payload) for frame in listener.frames if isinstance(frame, Pong)]
    assert pongs == [b"second", b"", b"", b""]


def test_what_a_far_end_says_on_closing_arrives(proxy: Proxy) -> None:
    class Closing(Listener):
        def _answered(self, peer: WSConnection, event: Event) -> bytes:
            if isinstance(event, TextMessage):
                return peer.send(CloseConnection(4002, "come back later"))
            return super()._answered(peer, event) if not isinstance(event, CloseConnection) else b""

    with Closing() as listener, WebSocket(proxy.address, "127.0.0.1", listener.port) as client:
        client.send("good morning")
        assert client.event() == CloseConnection(4002, "come back later")


def test_customers_in_a_websocket_handshake_are_held(
    proxy: Proxy, far_end: FarEnd, emails: list[bytes]
) -> None:
    protocols = tuple(email.decode() for email in emails)
    with WebSocket(proxy.address, "127.0.0.1", far_end.http, protocols) as client:
        assert client.status == 403
    assert (far_end.connections, far_end.arrivals) == (0, [])


@pytest.mark.parametrize("method", ["jane.doe@example.com", "get", "Get", "LOOK4ME", "A" * 21, "A_B"])
def test_a_method_that_is_none_is_refused(proxy: Proxy, far_end: FarEnd, method: str) -> None:
    for url in (http(far_end), https(far_end)):
        assert proxy.curl(url, "-X", method).status == 405
    assert far_end.connections == 0
    refused = [line for line in proxy.decisions() if line["held"]]
    assert len(refused) == 2
    assert "jane.doe" not in (proxy.folder / "decisions.jsonl").read_text()


def test_methods_of_extensions_of_http_pass(proxy: Proxy, far_end: FarEnd) -> None:
    assert proxy.curl(http(far_end), "-X", "VERSION-CONTROL").status == 501, "the far end's own answer"
    assert far_end.connections == 1


def test_a_request_with_trailers_is_answered_with_a_page(proxy: Proxy, far_end: FarEnd) -> None:
    host, port = proxy.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        head = (
            f"POST {http(far_end)} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n"
        )
        client.sendall(head.encode() + b"5\r\nhello\r\n0\r\nX-A: jane.doe@example.com\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert b"was not sent" in answer
    assert far_end.connections == 0
    assert proxy.said[-1].endswith(f"listening on {proxy.address}"), "no error is reported"


def test_an_announced_trailer_that_is_not_sent_is_no_trailer(proxy: Proxy, far_end: FarEnd) -> None:
    headers = ("-H", "Transfer-Encoding: chunked", "-H", "Trailer: X-Sum")
    assert proxy.curl(http(far_end), *headers, data=b"good morning").status == 200
    assert far_end.body_bytes == len("good morning")


def test_a_server_name_other_than_the_tunnels_is_refused(proxy: Proxy, far_end: FarEnd) -> None:
    with (
        tunnel(proxy.address, "localhost", far_end.https) as opened,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        client_context(proxy).wrap_socket(opened, server_hostname="jane-doe.example.com")
    assert far_end.connections == 0
    (line,) = [line for line in proxy.decisions() if line["method"] == "TLS"]
    assert (line["held"], line["destination"], line["actor"]) == (True, "localhost", "127.0.0.1")
    assert "jane-doe" not in (proxy.folder / "decisions.jsonl").read_text() + "\n".join(proxy.said)


@pytest.mark.parametrize("name", ["localhost", "LocalHost", None])
def test_the_tunnels_own_name_or_none_passes(proxy: Proxy, far_end: FarEnd, name: str | None) -> None:
    opened = tunnel(proxy.address, "localhost", far_end.https)
    with client_context(proxy).wrap_socket(opened, server_hostname=name) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
    assert len(far_end.arrivals) == 1


def test_audit_only_lets_another_server_name_pass(folder: Path, far_end: FarEnd) -> None:
    # The far end's certificate is not for that name; that it is asked at all is what matters.
    with Proxy(folder, ("--audit-only", "--upstream-ca", str(far_end.ca))) as proxy:
        opened = tunnel(proxy.address, "localhost", far_end.https)
        with client_context(proxy).wrap_socket(opened, server_hostname="other.example.com") as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 502"
        assert [line["held"] for line in proxy.decisions() if line["method"] == "TLS"] == [False]
    assert far_end.connections == 1


def test_protocols_that_the_door_does_not_speak_are_not_offered(proxy: Proxy, tmp_path: Path) -> None:
    """A far end that would take the client's word finds that it was not passed on."""
    taken: list[str | None] = []
    word = "jane.doe@example.com"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = tmp_path / "own-ca.pem"
    certificates = tmp_path / "own"
    certificates.mkdir()
    context.load_cert_chain(certify(certificates, authority))
    context.set_alpn_protocols([word, "http/1.1"])

    def serve(listening: socket.socket) -> None:
        with context.wrap_socket(listening.accept()[0], server_side=True) as connection:
            taken.append(connection.selected_alpn_protocol())
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    with (
        Proxy(proxy.folder, ("--upstream-ca", str(authority))) as trusting,
        closing(socket.create_server(("127.0.0.1", 0))) as listening,
    ):
        server = threading.Thread(target=serve, args=(listening,), daemon=True)
        server.start()
        opened = tunnel(trusting.address, "localhost", listening.getsockname()[1])
        offers = client_context(trusting, word, "http/1.1")
        with offers.wrap_socket(opened, server_hostname="localhost") as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 204"
        server.join(10)
    assert taken == ["http/1.1"]


def http2_status(proxy: Proxy, far_end: FarEnd, authority: str) -> int:
    """Send a GET over HTTP/2 with an authority of its own."""
    opened = tunnel(proxy.address, "localhost", far_end.https)
    with client_context(proxy, "h2").wrap_socket(opened, server_hostname="localhost") as client:
        peer = H2Connection(H2Configuration(validate_outbound_headers=False))
        peer.initiate_connection()
        fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", authority)]
        peer.send_headers(1, fields, end_stream=True)
        client.sendall(peer.data_to_send())
        status = 0
        while data := client.recv(65536):
            for event in peer.receive_data(data):
                if isinstance(event, ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived):
                    peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    return status
            client.sendall(peer.data_to_send())
    return status


@pytest.fixture(scope="module")
def wary(template: Path, tmp_path_factory: pytest.TempPathFactory, far_end_ca: Path) -> Iterator[Proxy]:
    """Open a door that holds a word."""
    folder = copy(template, tmp_path_factory.mktemp("wary") / "config")
    policy = folder / "policy.toml"
    text = policy.read_text().replace("[terms]\n", '[terms]\nproject = ["nightingale"]\n')
    rule = '\n[[rules]]\nname = "project"\nterms = { project = 1 }\naction = "quarantine"\n'
    policy.write_text(text + rule)
    with Proxy(folder, ("--upstream-ca", str(far_end_ca))) as proxy:
        yield proxy


def test_the_authority_of_http2_is_read(wary: Proxy, far_end: FarEnd) -> None:
    assert http2_status(wary, far_end, "nightingale.example.com") == 403
    assert far_end.connections == 0
    assert http2_status(wary, far_end, "localhost") == 200
    assert http2_status(wary, far_end, "another.example.com") == 200


def test_the_authority_of_an_absolute_url_in_a_tunnel_is_read(wary: Proxy, far_end: FarEnd) -> None:
    with tunnel(wary.address, "127.0.0.1", far_end.http) as client:
        client.sendall(b"GET http://nightingale.example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 403"
    assert far_end.connections == 0


def test_a_mitmproxy_that_relays_in_another_way_is_refused_at_the_start(folder: Path, tmp_path: Path) -> None:
    original = Path(mitmproxy.__file__).parent
    changed = tmp_path / "other" / "mitmproxy"
    shutil.copytree(original, changed, ignore=shutil.ignore_patterns("static", "__pycache__"))
    relay = changed / "proxy" / "layers" / "websocket.py"
    relay.write_text(
        relay.read_text().replace("yield dst_ws.send2(ws_event)", "yield dst_ws.pass_on(ws_event)")
    )
    paths = [str(changed.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [*COMMAND, "proxy", "--config", str(folder), "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment() | {"PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    assert done.returncode != 0
    assert "WebsocketLayer" in done.stderr
    assert "requirements.lock" in done.stderr
    assert "listening" not in done.stderr
    assert "Traceback" not in done.stderr
