"""Clients that send what nobody should: refused or timed out, and the door serves others meanwhile."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.house import Proxy, copy
from tests.e2e.websocket import tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd

PATIENCE = 2
SECRET = b"jane.doe@example.com"


@pytest.fixture(scope="module")
def folder(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy(template, tmp_path_factory.mktemp("hostile") / "config")
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write(f"\npatience = {PATIENCE}\nmax_body = {4 << 20}\n")
    return folder


@pytest.fixture(scope="module")
def proxy(folder: Path) -> Iterator[Proxy]:
    with Proxy(folder) as proxy:
        yield proxy


def plain(proxy: Proxy) -> socket.socket:
    host, port = proxy.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 30)


def head(far_end: FarEnd, *lines: str) -> bytes:
    start = f"POST http://127.0.0.1:{far_end.http}/x HTTP/1.1\r\nHost: 127.0.0.1:{far_end.http}\r\n"
    return (start + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def answer(client: socket.socket) -> bytes:
    """Return all that comes until the connection ends."""
    found = b""
    try:
        while data := client.recv(65536):
            found += data
    except ConnectionError:
        pass
    return found


SMUGGLING: dict[str, Callable[[FarEnd], bytes]] = {
    "length and chunked": lambda far: (
        head(far, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\nG" + SECRET
    ),
    "two lengths": lambda far: head(far, "Content-Length: 5", "Content-Length: 60") + b"x" * 5 + SECRET,
    "two lengths in one": lambda far: head(far, "Content-Length: 5, 60") + b"x" * 5,
    "a length with a sign": lambda far: head(far, "Content-Length: +5") + b"x" * 5,
    "a negative length": lambda far: head(far, "Content-Length: -5"),
    "a length in hexadecimal": lambda far: head(far, "Content-Length: 0x5") + b"x" * 5,
    "a coding that is not chunked": lambda far: head(far, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked not last": lambda far: head(far, "Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n",
    "a coding after a tab": lambda far: head(far, "Transfer-Encoding:\tchunked\x0b") + b"0\r\n\r\n",
    "a blank before the colon": lambda far: head(far, "Content-Length : 5") + b"x" * 5,
    "a folded line": lambda far: head(far, "X-A: b", " Content-Length: 5") + b"x" * 5,
    "a bare line feed in a name": lambda far: head(far, "X-A\nContent-Length: 5") + b"x" * 5,
    "a nul": lambda far: head(far, "X-A: a\0b"),
    "a chunk size that is none": lambda far: head(far, "Transfer-Encoding: chunked") + b"zz\r\n" + SECRET,
    "a chunk size with a minus": lambda far: head(far, "Transfer-Encoding: chunked") + b"-5\r\nxxxxx\r\n",
    "a chunk without its end": lambda far: head(far, "Transfer-Encoding: chunked") + b"5\r\nxxxxxyy0\r\n\r\n",
    "two requests' heads in one": lambda far: head(far, "X-A: b\r\n\r\nPOST / HTTP/1.1") + SECRET,
    "no version": lambda far: f"POST http://127.0.0.1:{far.http}/\r\n\r\n".encode(),
    "another scheme": lambda far: f"POST gopher://127.0.0.1:{far.http}/ HTTP/1.1\r\n\r\n".encode(),
    "noise": lambda _: bytes(range(256)) * 8 + b"\r\n\r\n",
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_nothing_of_a_request_that_can_be_read_in_two_ways_arrives_unread(
    proxy: Proxy, far_end: FarEnd, shape: str
) -> None:
    with plain(proxy) as client:
        client.sendall(SMUGGLING[shape](far_end))
        client.shutdown(socket.SHUT_WR)
        said = answer(client)
    statuses = [line.split()[1] for line in said.splitlines() if line.startswith(b"HTTP/1.1 ")]
    refused = all(status.startswith((b"4", b"5")) for status in statuses)
    assert refused or far_end.body_bytes <= 5
    assert all(arrival.bytes <= 5 for arrival in far_end.arrivals)
    assert len(far_end.arrivals) <= 1


def others_are_served(proxy: Proxy, far_end: FarEnd) -> bool:
    return proxy.curl(f"http://127.0.0.1:{far_end.http}/other", data=b"good morning").status == 200


def test_a_head_without_end_is_refused(proxy: Proxy, far_end: FarEnd) -> None:
    with plain(proxy) as client:
        try:
            for number in range(3000):
                client.sendall(f"X-{number}: {'x' * 90}\r\n".encode() if number else head(far_end)[:-2])
        except ConnectionError:
            pass
        assert others_are_served(proxy, far_end)
        assert answer(client)[:12] in {b"HTTP/1.1 431", b""}
    assert [arrival.path for arrival in far_end.arrivals] == ["/other"]


def test_chunks_without_end_are_consumed_and_refused(proxy: Proxy, far_end: FarEnd) -> None:
    before = proxy.resident()
    with plain(proxy) as client:
        client.sendall(head(far_end, "Transfer-Encoding: chunked"))
        for _ in range(300):
            client.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert others_are_served(proxy, far_end)
        client.sendall(b"0\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 413"
    assert proxy.resident() < before + (10 << 20)
    assert [arrival.path for arrival in far_end.arrivals] == ["/other"]


def test_many_tiny_chunks_are_put_together(proxy: Proxy, far_end: FarEnd, leak: bytes) -> None:
    with plain(proxy) as client:
        client.sendall(head(far_end, "Transfer-Encoding: chunked", "Connection: close"))
        client.sendall(b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in leak) + b"0\r\n\r\n")
        assert answer(client)[:12] == b"HTTP/1.1 403"
    assert far_end.connections == 0


SLOW = {
    "nothing after the first line": (b"POST http://127.0.0.1/ HTTP/1.1\r\n", b""),
    "one byte of a head at a time": (b"POST http://127.0.0.1/ HTTP/1.1\r\n", b"x"),
    "a body that does not come": (b"POST http://127.0.0.1/ HTTP/1.1\r\nContent-Length: 900\r\n\r\n", b""),
    "one byte of a body at a time": (
        b"POST http://127.0.0.1/ HTTP/1.1\r\nContent-Length: 90000\r\n\r\n",
        b"x",
    ),
    "no end of chunks": (
        b"POST http://127.0.0.1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    ),
}


@pytest.mark.parametrize("manner", SLOW)
def test_a_slow_sender_is_not_waited_for(proxy: Proxy, far_end: FarEnd, manner: str) -> None:
    begin, drop = SLOW[manner]
    ended = False
    with plain(proxy) as client:
        client.sendall(begin)
        client.settimeout(0.3)
        end = time.monotonic() + 20 * PATIENCE
        while not ended and time.monotonic() < end:
            try:
                ended = client.recv(1) == b""
                client.sendall(drop)
            except TimeoutError:
                client.sendall(drop)
            except ConnectionError:
                ended = True
        assert others_are_served(proxy, far_end)
    assert ended


@pytest.mark.parametrize("tunnel_first", [False, True])
def test_a_connection_without_a_request_is_cut(proxy: Proxy, far_end: FarEnd, *, tunnel_first: bool) -> None:
    with plain(proxy) as client:
        if tunnel_first:
            client.sendall(f"CONNECT 127.0.0.1:{far_end.http} HTTP/1.1\r\n\r\n".encode())
            assert b" 200 " in client.recv(1000)
        assert answer(client) == b""
    assert far_end.connections == 0


def test_the_body_of_a_request_that_is_answered_already_is_not_kept(folder: Path, far_end: FarEnd) -> None:
    own = copy(folder, folder.parent / "guarded")
    (own / "users").write_text("anna:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
    with Proxy(own, ("--auth", str(own / "users"))) as proxy, plain(proxy) as client:
        before = len(proxy.files())
        client.sendall(head(far_end, f"Content-Length: {4 << 20}") + b"x" * (3 << 20))
        assert len(proxy.files()) == before
        client.sendall(b"x" * (1 << 20))
        assert client.recv(12) == b"HTTP/1.1 407"


def test_what_comes_behind_a_held_request_is_bounded(proxy: Proxy, far_end: FarEnd, folder: Path) -> None:
    own = copy(folder, folder.parent / "pausing")
    with Proxy(own, fault="pauses") as pausing, plain(pausing) as client:
        before = pausing.resident()
        client.sendall(head(far_end, "Content-Length: 2") + b"ok")
        try:
            for _ in range(400):
                client.sendall(b"x" * 65536)
        except OSError:
            pass
        assert pausing.resident() < before + (10 << 20)
    del proxy


@pytest.mark.parametrize(("said", "sent"), [(100, 50), (10, 50)])
def test_a_wrong_length_sends_no_more_and_no_less_than_was_judged(
    proxy: Proxy, far_end: FarEnd, said: int, sent: int
) -> None:
    with plain(proxy) as client:
        client.sendall(head(far_end, f"Content-Length: {said}") + b"x" * sent)
        client.shutdown(socket.SHUT_WR)
        answer(client)
    assert all(arrival.bytes == said <= sent for arrival in far_end.arrivals)


FRAMES = {
    "data for no stream": b"\x00\x00\x05\x00\x01\x00\x00\x00\x00hello",
    "data for a stream that was not opened": b"\x00\x00\x05\x00\x01\x00\x00\x00\x63hello",
    "settings of a wrong length": b"\x00\x00\x05\x04\x00\x00\x00\x00\x00hello",
    "a head that is no HPACK": b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff\xff",
    "a continuation of nothing": b"\x00\x00\x01\x09\x04\x00\x00\x00\x01x",
    "a window that overflows": b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff",
    "an even stream": b"\x00\x00\x01\x01\x05\x00\x00\x00\x02\x82",
    "no HTTP/2 at all": b"GET / HTTP/1.1\r\n\r\n" * 10,
}


@pytest.mark.parametrize("frame", FRAMES)
def test_invalid_frames_of_http2_end_their_connection_and_no_other(
    proxy: Proxy, far_end: FarEnd, frame: str
) -> None:
    context = ssl.create_default_context(cafile=str(proxy.ca))
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(
        tunnel(proxy.address, "localhost", far_end.https), server_hostname="localhost"
    ) as client:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        client.sendall(b"" if frame.startswith("no HTTP/2") else preface)
        client.sendall(FRAMES[frame])
        assert others_are_served(proxy, far_end)
        client.settimeout(20)
        try:
            while client.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
    assert [arrival.path for arrival in far_end.arrivals] == ["/other"]
