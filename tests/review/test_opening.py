"""A body in clear is alone in memory, and leaves it when the answer ends."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exfilter.model import Transfer
from exfilter.quarantine import Quarantine
from exfilter.review import desk as desk_
from exfilter.review.opening import Clear
from exfilter.review.roles import Role
from tests.review import filled
from tests.review.desk import Desk
from tests.test_quarantine import upload, verdict

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 24 << 20


def test_what_is_closed_is_forgotten_and_lets_the_next_one_in() -> None:
    ended, buffer = list[bool](), bytearray(b"in clear")
    clear = Clear(Transfer("proxy", memoryview(buffer).toreadonly()), lambda: ended.append(True))
    clear.close()
    clear.close()
    assert ended == [True]
    assert not buffer


def test_an_answer_that_was_never_begun_lets_the_next_one_in() -> None:
    ended = list[bool]()
    clear = Clear(Transfer("proxy", b""), lambda: ended.append(True))
    del clear
    assert ended == [True]


def test_a_download_that_breaks_off_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_, "WAITS", 0.2)
    folder = filled.template(tmp_path)
    with Desk(folder) as desk:
        given = desk.state.settings
        with Quarantine.open(given.quarantine, given.reviewers) as quarantine:
            held = quarantine.hold(replace(upload(), body=os.urandom(SIZE)), verdict())
        token = desk.state.register.tokens.add("rob", Role.REVIEWER, 1)
        program = desk.browser(Authorization=f"Bearer {token}")
        wish = {"reason": "to see", "passphrase": filled.PASSPHRASE}
        with begun(desk, held, token, wish):
            busy = program.post(f"/api/v1/transfers/{held}/open", json=wish)
            assert busy.status_code == 503
            assert desk.state.desk._opening.locked()
        ends = time.monotonic() + 10
        while desk.state.desk._opening.locked():
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert len(program.post(f"/api/v1/transfers/{held}/open", json=wish).content) == SIZE


def begun(desk: Desk, held: str, token: str, wish: dict[str, str]) -> socket.socket:
    """Begin a download, and take no more than its first bytes."""
    host, _, port = desk.url.removeprefix("http://").partition(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(60)
    made.connect((host, int(port)))
    body = json.dumps(wish)
    made.sendall(
        f"POST /api/v1/transfers/{held}/open HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    assert made.recv(12) == b"HTTP/1.1 200"
    return made
