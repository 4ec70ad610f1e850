"""c-icap-client, which others wrote, asks in every way in which RFC 3507 lets a request be sent."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.e2e.engine import LOCAL, SharedEngine
from tests.who.company import SERVER, Issued

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "http://far-end.example/upload"
PROSE = b"The quick brown fox jumps over the lazy dog, and so on.\n" * (1_000_000 // 56)
SIZES = [100, 3_000, 100_000, len(PROSE)]
WAYS = [(), ("-nopreview",), ("-no204",), ("-nopreview", "-no204"), ("-206",), ("-w", "0"), ("-w", "100")]


@dataclass(frozen=True)
class Answer:
    """What the client was told."""

    status: int
    """Of ICAP. 0: nothing."""
    http: str
    """The head of the request or the response that came back."""
    body: bytes


@pytest.fixture(scope="module")
def engine(shared_folder: Path) -> Iterator[SharedEngine]:
    with SharedEngine(shared_folder, LOCAL) as engine:
        yield engine


def ask(engine: SharedEngine, folder: Path, *arguments: str, data: bytes | None = None) -> Answer:
    """Run the client; its output file must not be there before."""
    sent, out = folder / "sent", folder / "out"
    out.unlink(missing_ok=True)
    if data is not None:
        sent.write_bytes(data)
        arguments += ("-f", str(sent), "-o", str(out))
    said = heard(engine, "-v", *arguments)
    status = re.search(r"ICAP/1.0 (\d+)", said)
    head = said.partition("MOD HEADERS:")[2].strip()
    return Answer(int(status[1]) if status else 0, head, out.read_bytes() if out.exists() else b"")


def heard(engine: SharedEngine, *arguments: str) -> str:
    """Return all that the client says."""
    line = ["c-icap-client", "-i", "127.0.0.1", "-p", str(engine.port), "-s", "reqmod", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def post(engine: SharedEngine, folder: Path, *arguments: str, data: bytes) -> Answer:
    return ask(engine, folder, "-req", URL, "-method", "POST", *arguments, data=data)


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
class TestEveryWay:
    def test_what_is_clean_comes_back_whole_or_not_at_all(
        self, engine: SharedEngine, tmp_path: Path, way: tuple[str, ...]
    ) -> None:
        for size in SIZES:
            answer = post(engine, tmp_path, *way, data=PROSE[:size])
            assert (answer.status, len(answer.body)) in {(204, 0), (200, size)}, size
            assert answer.status == 204 or answer.body == PROSE[:size], size
            assert answer.http.startswith(f"POST {URL} HTTP/1."), size

    def test_what_is_held_gets_the_page(
        self, engine: SharedEngine, tmp_path: Path, leak: bytes, way: tuple[str, ...]
    ) -> None:
        for size in SIZES:
            answer = post(engine, tmp_path, *way, data=PROSE[:size] + b"\n" + leak)
            assert (answer.status, answer.http.splitlines()[0]) == (200, "HTTP/1.1 403 Forbidden"), size
            transfer = re.search(r"x-exfilter-transfer: *(\S+)", answer.http, re.IGNORECASE)
            assert transfer, size
            assert transfer[1].encode() in answer.body, size


def test_without_204_the_same_bytes_come_back(engine: SharedEngine, tmp_path: Path) -> None:
    answer = post(engine, tmp_path, "-nopreview", "-no204", data=PROSE)
    assert (answer.status, answer.body == PROSE) == (200, True)


def test_a_request_without_a_body_is_judged(engine: SharedEngine, tmp_path: Path) -> None:
    engine.begin()
    assert ask(engine, tmp_path, "-req", URL, data=b"").status in {200, 204}
    assert [line["method"] for line in engine.decisions()] == ["GET"]


def test_responses_are_passed_unread(engine: SharedEngine, tmp_path: Path, leak: bytes) -> None:
    engine.begin()
    for data in (b"hello", leak, PROSE):
        assert ask(engine, tmp_path, "-resp", URL, data=data).status == 204
    assert not engine.decisions()


def test_what_it_offers_is_understood(engine: SharedEngine) -> None:
    said = heard(engine, "-v")
    assert "Allow 204: Yes" in said
    assert re.search(r"Preview: [1-9]\d*", said)
    tag = engine.options()["istag"]
    assert re.fullmatch(r'"[!-~]{1,32}"', tag)
    assert engine.options()["istag"] == tag


def test_the_sender_is_whom_a_trusted_proxy_names(engine: SharedEngine, tmp_path: Path, leak: bytes) -> None:
    engine.begin()
    named = ("X-Client-IP: 10.1.2.3", "X-Client-Username: boris", "X-Authenticated-User: TG9jYWw6Ly9hbm5h")
    for number in range(1, 4):
        headers = [word for each in named[:number] for word in ("-x", each)]
        assert post(engine, tmp_path, *headers, data=leak).status == 200
    assert [line["actor"] for line in engine.decisions()] == ["10.1.2.3", "boris", "anna"]


def test_a_stranger_names_nobody(shared_folder: Path, tmp_path: Path, leak: bytes) -> None:
    with SharedEngine(shared_folder, ("--trust", "192.0.2.0/24")) as engine:
        engine.begin()
        assert post(engine, tmp_path, "-x", "X-Client-Username: boris", data=leak).status == 200
        assert [line["actor"] for line in engine.decisions()] == ["127.0.0.1"]


def test_it_speaks_tls(shared_folder: Path, tmp_path: Path, leak: bytes) -> None:
    names = (x509.DNSName("localhost"),)
    file = Issued.authority().person("localhost", *names, usage=(SERVER,)).write(tmp_path / "engine.pem")
    with SharedEngine(shared_folder, ("--tls-cert", str(file), "--tls-key", str(file), *LOCAL)) as engine:
        tls = ("-tls", "-tls-no-verify")
        assert post(engine, tmp_path, *tls, data=PROSE).status in {200, 204}
        assert "403" in post(engine, tmp_path, *tls, data=leak).http.splitlines()[0]
        assert post(engine, tmp_path, data=PROSE).status == 0
