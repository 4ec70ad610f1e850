"""``exfilter icap`` as a process: it ends when all have their answer, and says why it does not start."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest

from exfilter.cli.icap import HERE
from exfilter.who.networks import Networks
from fixtures.squid import answers
from tests.e2e.engine import Engine
from tests.e2e.house import exfilter

if TYPE_CHECKING:
    from pathlib import Path

HTTP = b"POST http://far-end.example/ HTTP/1.1\r\n\r\n"
HALF = (
    b"REQMOD icap://here/reqmod ICAP/1.0\r\nHost: here\r\nAllow: 204\r\nPreview: 4\r\n"
    b"Encapsulated: req-hdr=0, req-body=%d\r\n\r\n%b4\r\nhalf\r\n0\r\n\r\n" % (len(HTTP), HTTP)
)
REST = b"4\r\nrest\r\n0\r\n\r\n"


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_is_held_has_its_answer_before_the_end(folder: Path, processes: str) -> None:
    with (
        Engine(folder, ("--processes", processes)) as engine,
        socket.create_connection(("127.0.0.1", engine.port), 20) as busy,
        socket.create_connection(("127.0.0.1", engine.port), 20) as resting,
    ):
        busy.sendall(HALF)
        assert busy.recv(1000).startswith(b"ICAP/1.0 100 ")
        engine.process.send_signal(signal.SIGTERM)
        assert resting.recv(1) == b""
        assert engine.eventually(lambda: not answers(engine.port))
        busy.sendall(REST)
        assert busy.recv(1000).startswith(b"ICAP/1.0 204 ")
        assert busy.recv(1) == b""
        assert engine.process.wait(20) == 0
        assert len(engine.decisions()) == 1


def test_a_second_signal_ends_it_at_once_and_nothing_passes(folder: Path) -> None:
    with (
        Engine(folder) as engine,
        socket.create_connection(("127.0.0.1", engine.port), 20) as busy,
    ):
        busy.sendall(HALF)
        assert busy.recv(1000).startswith(b"ICAP/1.0 100 ")
        engine.process.send_signal(signal.SIGTERM)
        assert engine.eventually(lambda: any("stopping" in line for line in engine.said))
        engine.process.send_signal(signal.SIGTERM)
        assert engine.process.wait(20) == 0
        assert busy.recv(1) == b""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--tls-cert", "policy.toml"), "belong together: name both, or neither"),
        (("--tls-cert", "policy.toml", "--tls-key", "policy.toml"), "are not PEM"),
        (("--tls-cert", "none", "--tls-key", "none"), "--tls-cert none: No such file"),
        (("--trust", "0.0.0.0/0"), "0.0.0.0/0' is no address or network"),
        (("--listen", "192.0.2.1:0"), "cannot listen on 192.0.2.1:0: Cannot assign requested address"),
    ],
)
def test_it_says_why_it_does_not_start(folder: Path, options: tuple[str, ...], why: str) -> None:
    named = [str(folder / each) if each == "policy.toml" else each for each in options]
    done = exfilter("icap", "--config", folder, "--listen", "127.0.0.1:0", *named)
    assert (done.returncode, why in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_this_machine_is_believed_where_nobody_is_named() -> None:
    here = Networks.parse(HERE)
    assert all(address in here for address in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"))
    assert not any(address in here for address in ("10.0.0.1", "::2", "", "localhost"))
