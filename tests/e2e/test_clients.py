"""The same three transfers by every client: what is clean arrives, what carries customers does not."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.e2e.house import Proxy, Shared, copy, environment, http, https
from tests.e2e.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd

PAGE = """<!doctype html><title>sending</title><script>
fetch({url}, {{method: "POST", body: {body}}})
  .then(answer => {{ document.title = "status " + answer.status }})
  .catch(() => {{ document.title = "status 0" }})
</script>"""


@pytest.fixture
def proxy(shared: Shared) -> Proxy:
    return shared.begin()


@pytest.fixture(scope="module")
def failing(template: Path, tmp_path_factory: pytest.TempPathFactory, far_end_ca: Path) -> Iterator[Proxy]:
    """Open a door whose scans fail."""
    folder = copy(template, tmp_path_factory.mktemp("failing") / "config")
    with Proxy(folder, ("--upstream-ca", str(far_end_ca)), fault="raises") as proxy:
        yield proxy


def curl(*arguments: str, tls: bool) -> Callable[[Proxy, FarEnd, bytes, Path], int]:
    def send(proxy: Proxy, far_end: FarEnd, body: bytes, _: Path) -> int:
        url = https(far_end) if tls else http(far_end)
        return proxy.curl(url, *arguments, data=body).status

    return send


def by_httpx(*, http2: bool) -> Callable[[Proxy, FarEnd, bytes, Path], int]:
    def send(proxy: Proxy, far_end: FarEnd, body: bytes, _: Path) -> int:
        trusted = ssl.create_default_context(cafile=str(proxy.ca))
        with httpx.Client(proxy=proxy.address, verify=trusted, http2=http2, trust_env=False) as client:
            return client.post(https(far_end), content=body).status_code

    return send


def websocket(proxy: Proxy, far_end: FarEnd, body: bytes, _: Path) -> int:
    with WebSocket(proxy.address, "127.0.0.1", far_end.http) as client:
        client.send(body.decode())
        return 200 if client.event() else 0


def chromium(proxy: Proxy, far_end: FarEnd, body: bytes, folder: Path) -> int:
    """Open a page that sends the body by itself, and read what it was answered from its title."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: run .ci/run, or apt-get install chromium"
    certificate = x509.load_pem_x509_certificate(proxy.ca.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    page = folder / "page.html"
    page.write_text(PAGE.format(url=json.dumps(https(far_end)), body=json.dumps(body.decode())))
    done = subprocess.run(
        [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-web-security",
            f"--user-data-dir={folder / 'profile'}",
            f"--proxy-server={proxy.address}",
            "--proxy-bypass-list=<-loopback>",
            f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, env=environment(), check=False,
    )  # fmt: skip
    title = done.stdout.partition("<title>")[2].partition("</title>")[0]
    assert title.startswith("status "), title
    return int(title.split()[1])


CLIENTS: dict[str, Callable[[Proxy, FarEnd, bytes, Path], int]] = {
    "curl, HTTP/1.1": curl("--http1.1", tls=True),
    "curl, HTTP/1.1 without TLS": curl("--http1.1", tls=False),
    "curl, chunked": curl("--http1.1", "-H", "Transfer-Encoding: chunked", tls=True),
    "curl, Expect": curl("--http1.1", "-H", "Expect: 100-continue", tls=True),
    "curl, HTTP/2": curl("--http2", tls=True),
    "httpx, HTTP/1.1": by_httpx(http2=False),
    "httpx, HTTP/2": by_httpx(http2=True),
    "a WebSocket": websocket,
    "Chromium": chromium,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_clean_arrives_and_what_carries_customers_does_not(
    proxy: Proxy, far_end: FarEnd, leak: bytes, tmp_path: Path, client: str
) -> None:
    send = CLIENTS[client]
    clean = b"a long good morning to everybody in the house\n" * 40
    assert send(proxy, far_end, clean, tmp_path) == 200
    sent = [arrival for arrival in far_end.arrivals if arrival.bytes]
    assert [arrival.sha256 for arrival in sent] == [hashlib.sha256(clean).hexdigest()]
    answered = send(proxy, far_end, leak, tmp_path)
    assert answered == (200 if client == "a WebSocket" else 403), "a WebSocket is answered by its end"
    assert far_end.body_bytes == len(clean)
    assert any(line["held"] and line["customers"] == 60 for line in proxy.decisions())


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "a WebSocket"])
def test_a_scan_that_fails_lets_nothing_pass_by_any_client(
    failing: Proxy, far_end: FarEnd, form: bytes, tmp_path: Path, client: str
) -> None:
    assert CLIENTS[client](failing, far_end, form, tmp_path) == 403
    assert far_end.body_bytes == 0
