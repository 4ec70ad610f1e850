"""Connections that say nothing, or half of something, and who else gets in meanwhile."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest

from exfilter.review import patient

if TYPE_CHECKING:
    from tests.review.desk import Desk

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
NO_BODY = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"
WHOLE = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def connect(desk: Desk, data: bytes) -> socket.socket:
    host, _, port = desk.url.removeprefix("http://").partition(":")
    made = socket.create_connection((host, int(port)), timeout=20)
    made.sendall(data)
    return made


def ended(connection: socket.socket) -> bool:
    """Read to the end, whichever way it comes; TimeoutError where none does."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_hundreds_of_silent_connections_keep_nobody_out(desk: Desk) -> None:
    with contextlib.ExitStack() as open_:
        silent = [open_.enter_context(connect(desk, HALF)) for _ in range(600)]
        assert desk.browser().get("/login").status_code == 200
        assert desk.as_("rob").is_in()
        silent[0].settimeout(5)
        assert ended(silent[0])


@pytest.mark.parametrize(
    "data", [b"", HALF, NO_BODY, WHOLE + HALF], ids=["none", "half", "no body", "second"]
)
def test_what_does_not_arrive_whole_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(patient, "PATIENCE", 0.5)
    began = time.monotonic()
    with connect(desk, data) as made:
        assert ended(made)
    assert time.monotonic() - began < 4


def test_a_trickle_is_no_new_beginning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "PATIENCE", 0.5)
    began = time.monotonic()
    with connect(desk, HALF) as made, contextlib.suppress(ConnectionError):
        made.settimeout(0.1)
        while time.monotonic() - began < 5:
            with contextlib.suppress(TimeoutError):
                assert made.recv(1) == b""
                break
            made.sendall(b"X-More: 1\r\n")
    assert time.monotonic() - began < 4
