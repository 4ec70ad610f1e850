"""Attacks that got through when they were tried. Each is marked: whoever closes one takes its mark away."""

from __future__ import annotations

import os
import socket
import threading
import time
import zipfile
import zlib
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request
from wsproto.extensions import PerMessageDeflate

from fixtures.bodies import copied_csv
from fixtures.customers import customers
from tests.e2e.conftest import PEOPLE
from tests.e2e.house import Proxy, http
from tests.e2e.test_uploads import CLASSES, LISTED, put
from tests.e2e.websocket import WebSocket, tunnel

if TYPE_CHECKING:
    from fixtures.farend import FarEnd

MIB = 1 << 20
FRAME = b"\x82\xfe\xff\xff\0\0\0\0" + b"x" * 65535


def everybody() -> bytes:
    """Return a zip of all customers: its first 300 bytes hold too few to be held for."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", copied_csv(list(islice(customers(PEOPLE), PEOPLE))).data)
    return packed.getvalue()


def settings(folder: Path, text: str) -> None:
    with (folder / "exfilter.toml").open("a") as file:
        file.write(f"\n{text}\n")


def test_what_comes_behind_a_held_websocket_message_is_bounded(folder: Path, far_end: FarEnd) -> None:
    with (
        Proxy(folder, fault="pauses") as proxy,
        WebSocket(proxy.address, "127.0.0.1", far_end.http) as client,
    ):
        before = proxy.resident()
        client.send("good morning")
        client._socket.settimeout(1)
        with suppress(OSError):  # it has to wait
            for _ in range(2000):
                client._socket.sendall(FRAME)
        assert proxy.resident() < before + 30 * MIB


def test_unfinished_websocket_messages_are_bounded_together(folder: Path, far_end: FarEnd) -> None:
    settings(folder, "patience = 1")
    with Proxy(folder) as proxy:
        before, kept = proxy.resident(), []
        for _ in range(12):
            client = WebSocket(proxy.address, "127.0.0.1", far_end.http)
            start = b"\x02\xff" + (8_300_000).to_bytes(8) + b"\0\0\0\0"
            client._socket.settimeout(2)
            with suppress(OSError):  # closed, because all together are too large, or too slow
                client._socket.sendall(start + b"x" * 8_300_000)
            kept.append(client)
        time.sleep(4)
        assert proxy.resident() < before + 40 * MIB


def deflating() -> int:
    """Serve WebSockets with permessage-deflate, which take everything. Return the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        kept = []
        while True:
            connection, _ = listening.accept()
            kept.append(connection)
            peer = WSConnection(ConnectionType.SERVER)
            while not any(isinstance(event, Request) for event in peer.events()):
                peer.receive_data(connection.recv(65536))
            connection.sendall(peer.send(AcceptConnection(extensions=[PerMessageDeflate()])))

    threading.Thread(target=serve, daemon=True).start()
    return int(listening.getsockname()[1])


def test_compressed_websocket_messages_are_not_inflated_without_bounds(folder: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(62 * MIB)) + packer.flush(zlib.Z_SYNC_FLUSH)
    port = deflating()
    asks = (
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    with Proxy(folder) as proxy:
        before, kept = proxy.resident(), []
        for _ in range(5):
            client = tunnel(proxy.address, "127.0.0.1", port)
            client.sendall(asks.encode())
            assert b" 101 " in client.recv(4096)
            client.sendall(b"\xc2\xfe" + len(bomb).to_bytes(2) + b"\0\0\0\0" + bomb)
            kept.append(client)
        time.sleep(4)
        assert proxy.resident(most=True) < before + 100 * MIB


def test_unreadable_websocket_messages_count_together(folder: Path, far_end: FarEnd) -> None:
    passed = 0
    with Proxy(folder) as proxy, WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        for _ in range(100):
            client.frame(BytesMessage(os.urandom(4000)))
            if isinstance(client.event(), CloseConnection):
                break
            passed += 1
    assert passed < 10


@pytest.mark.parametrize("second", ["/f/./a.zip", "//f/a.zip", "/f/q/../a.zip", "/f/a.zip?x=1"])
def test_pieces_of_one_file_under_two_names_are_not_both_passed(
    folder: Path, far_end: FarEnd, second: str
) -> None:
    policy = folder / "policy.toml"
    text = policy.read_text().replace("[uploads]\n", LISTED, 1).replace("[destinations]\n", CLASSES, 1)
    policy.write_text(text)
    data = everybody()
    with Proxy(folder) as proxy:
        for path, start, end in (("/f/a.zip", 0, 300), (second, 300, len(data))):
            span = f"Content-Range: bytes {start}-{end - 1}/{len(data)}"
            url = http(far_end, path)
            reply = proxy.curl(url, "--path-as-is", "-X", "PUT", "-H", span, data=data[start:end])
    assert reply.status == 403
    assert far_end.body_bytes < len(data)


def test_pieces_of_unfinished_uploads_do_not_fill_the_disk(folder: Path, far_end: FarEnd) -> None:
    settings(folder, f"max_body = {MIB}\nupload_bytes = {3 * MIB}")
    piece = b"good morning, nothing here\n" * 20_000
    with Proxy(folder) as proxy:
        for number in range(20):
            span = f"Content-Range: bytes 0-{len(piece) - 1}/{len(piece) + 1}"
            put(proxy, http(far_end, f"/{number}"), piece, span)
    kept = (folder / "uploads" / "pieces").glob("*")
    assert sum(file.stat().st_size for file in kept) < 4 * MIB


def test_a_body_that_turns_out_too_large_keeps_no_worker_and_no_file(folder: Path, far_end: FarEnd) -> None:
    settings(folder, f"max_body = {8 * MIB}")

    def kept(proxy: Proxy) -> int:
        links = [link for child in proxy.family() for link in Path(f"/proc/{child}/fd").iterdir()]
        return sum(str(folder / "spool") in str(link.readlink()) for link in links)

    with Proxy(folder) as proxy:
        body = b"good morning\n" * MIB
        assert proxy.curl(http(far_end), "-H", "Transfer-Encoding: chunked", data=body).status == 413
        time.sleep(1)
        assert kept(proxy) == 0
