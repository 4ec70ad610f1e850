"""Bodies of any size: little memory, nothing truncated, and a destination that is slow or answers early."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.e2e.house import Proxy, Shared, copy, http, https
from tests.e2e.http2 import Echo
from tests.e2e.websocket import tunnel

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.farend import FarEnd

MIB = 1 << 20
LARGE = b"The quick brown fox jumps over the lazy dog, and so on.\n" * (200 * MIB // 56)
LIMIT = 100 * MIB
"""Of resident memory, as issue 5 asks."""


@pytest.fixture(scope="module")
def folder(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(template, tmp_path_factory.mktemp("sizes") / "config")


@pytest.fixture
def proxy(shared: Shared) -> Proxy:
    return shared.begin()


def test_large_uploads_side_by_side_take_little_memory(proxy: Proxy, far_end: FarEnd, leak: bytes) -> None:
    clean, dirty = LARGE, LARGE[: 100 * MIB] + leak
    with ThreadPoolExecutor(3) as pool:
        urls = (http(far_end), https(far_end), https(far_end, "/leak"))
        sent = [
            pool.submit(proxy.curl, url, data=body, timeout=200)
            for url, body in zip(urls, (clean, clean, dirty), strict=True)
        ]
        assert [each.result().status for each in sent] == [200, 200, 403]
    assert {arrival.sha256 for arrival in far_end.arrivals} == {hashlib.sha256(clean).hexdigest()}
    assert len(far_end.arrivals) == 2
    assert proxy.resident(most=True) < LIMIT
    assert not any((proxy.folder / "spool").iterdir())


def test_over_the_limit_a_body_is_consumed_and_refused(folder: Path, far_end: FarEnd, leak: bytes) -> None:
    own = copy(folder, folder.parent / "small")
    with (own / "exfilter.toml").open("a") as settings:
        settings.write(f"\nmax_body = {3 * MIB}\n")
    with Proxy(own, ("--upstream-ca", str(far_end.ca))) as proxy:
        for url in (http(far_end), https(far_end)):
            for chunked in ((), ("-H", "Transfer-Encoding: chunked")):
                reply = proxy.curl(url, *chunked, data=LARGE[: 20 * MIB])
                assert (reply.status, reply.curl) == (413, 0)
                assert proxy.curl(url, *chunked, data=leak + LARGE[: 3 * MIB - len(leak)]).status == 403
                assert proxy.curl(url, *chunked, data=LARGE[: 3 * MIB]).status == 200
    assert {arrival.bytes for arrival in far_end.arrivals} == {3 * MIB}


class Slow:
    """A far end that takes a body at its own pace, or answers before it has taken it."""

    def __init__(self, *, early: bool) -> None:
        self._early = early
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.port: int = self._listening.getsockname()[1]
        self.taken = 0
        self.begun, self.go_on = threading.Event(), threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            length, data = 0, b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(next(line for line in head.splitlines() if b"ength" in line).split()[-1])
            self.taken = len(body)
            self.begun.set()
            if self._early:
                connection.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
            self.go_on.wait(60)
            while self.taken < length and (piece := connection.recv(1 << 20)):
                self.taken += len(piece)
            if not self._early:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_a_destination_that_takes_nothing_yet_is_not_sent_more_than_it_takes(proxy: Proxy) -> None:
    slow = Slow(early=False)
    with ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{slow.port}/upload"
        reply = pool.submit(proxy.curl, url, data=LARGE, timeout=120)
        assert slow.begun.wait(60)
        time.sleep(1)
        assert proxy.resident(most=True) < LIMIT
        slow.go_on.set()
        assert reply.result().status == 200
        assert slow.taken == len(LARGE)
        assert proxy.resident(most=True) < LIMIT


def test_a_destination_that_answers_before_it_has_taken_all_is_heard(proxy: Proxy) -> None:
    slow = Slow(early=True)
    reply = proxy.curl(f"http://127.0.0.1:{slow.port}/upload", data=LARGE[: 50 * MIB])
    assert (reply.status, reply.body) == (413, "no")
    slow.go_on.set()


def test_a_body_of_http2_without_length_reaches_http1_with_its_own(proxy: Proxy, far_end: FarEnd) -> None:
    for body in (b"good morning\n", LARGE[: 5 * MIB]):
        begin = len(far_end.arrivals)
        chunked = ("--http2", "-H", "Transfer-Encoding: chunked", "-X", "PUT")
        assert proxy.curl(https(far_end), *chunked, data=body).status == 200
        assert [arrival.sha256 for arrival in far_end.arrivals[begin:]] == [hashlib.sha256(body).hexdigest()]


def test_a_client_that_leaves_while_its_body_arrives_leaves_no_file(proxy: Proxy, far_end: FarEnd) -> None:
    context = ssl.create_default_context(cafile=str(proxy.ca))
    context.check_hostname = False
    before = len(proxy.files())
    for _ in range(3):
        with context.wrap_socket(
            tunnel(proxy.address, "localhost", far_end.https), server_hostname="localhost"
        ) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
            client.sendall(LARGE[: 8 * MIB])
    assert proxy.eventually(lambda: len(proxy.files()) <= before)
    assert far_end.connections == 0


def test_a_destination_that_answers_more_than_it_takes_is_heard_and_sent_no_more(
    folder: Path, tmp_path: Path
) -> None:
    with Echo(tmp_path / "echo") as echo, Proxy(folder, ("--upstream-ca", str(echo.ca))) as proxy:
        url = f"https://localhost:{echo.port}/upload"
        reply = proxy.curl(url, "--http2", data=LARGE[: 60 * MIB], timeout=60)
        assert reply.status == 200
        assert len(echo.received) < 60 * MIB
        assert proxy.resident(most=True) < LIMIT


def test_large_uploads_by_http2_take_little_memory(folder: Path, tmp_path: Path) -> None:
    sink = Echo(tmp_path / "sink", echoes=False)
    with sink, Proxy(folder, ("--upstream-ca", str(sink.ca))) as proxy:
        reply = proxy.curl(f"https://localhost:{sink.port}/upload", "--http2", data=LARGE, timeout=120)
        assert reply.status == 200
        assert sink.received == LARGE
        assert proxy.resident(most=True) < LIMIT
