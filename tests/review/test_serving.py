"""``exfilter review`` as a process: where it listens, how it ends, what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from exfilter import settings
from exfilter.index import keys
from exfilter.review.register import Register
from exfilter.review.roles import Role
from exfilter.review.serving import bound
from tests.review.desk import Browser
from tests.review.tls import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = "words that nobody guesses"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / settings.FILE).write_text('review_hosts = ["desk.example"]\n')
    keys.generate(tmp_path / "index.key")
    register = Register.open(settings.load(tmp_path))
    register.accounts.add("ada", Role.ADMIN, GOOD)
    register.close()
    return tmp_path


def command(folder: Path, *options: str) -> list[str]:
    run = "from exfilter.cli import main; main()"
    return [sys.executable, "-c", run, "review", "--config", str(folder), "--listen", "127.0.0.1:0", *options]


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """Run it, and return its address."""
    with subprocess.Popen(command(folder, *options), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            found = re.search(r"listening on (\S+)", process.stderr.readline())
            assert found
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            assert process.stderr.read() == ""


def test_it_serves_on_loopback_and_ends_quietly(folder: Path) -> None:
    with served(folder) as url:
        browser = Browser(url, {})
        assert browser.log_in("ada", GOOD).status_code == 303
        assert browser.get("/people").status_code == 200
        assert f"exfilter-session-{httpx.URL(url).port}" in browser.cookies
        assert "server" not in browser.get("/people").headers


def test_with_a_certificate_cookies_are_for_tls_alone(folder: Path) -> None:
    pem, key = certificate(folder)
    with served(folder, "--certificate", str(pem), "--key", str(key)) as url:
        assert url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(pem))
        with httpx.Client(base_url=url, verify=trusted, trust_env=False) as client:
            answer = client.get("/login")
            (cookie,) = answer.headers.get_list("set-cookie")
            assert cookie.startswith("__Host-exfilter-session=")
            assert {"path=/", "httponly", "samesite=strict", "secure"} <= set(cookie.split("; "))
            assert answer.headers["strict-transport-security"]


def test_behind_a_proxy_only_what_came_over_tls_is_served(folder: Path) -> None:
    with served(folder, "--behind-tls-proxy", "127.0.0.1") as url:
        told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "Host": "desk.example"}
        assert httpx.get(f"{url}/login", trust_env=False).status_code == 403
        answer = httpx.get(f"{url}/login", headers=told, trust_env=False)
        assert answer.status_code == 200
        assert "__Host-exfilter-session=" in answer.headers["set-cookie"]


def test_who_is_no_such_proxy_is_not_believed(folder: Path) -> None:
    with served(folder, "--behind-tls-proxy", "192.0.2.9") as url:
        told = {"X-Forwarded-Proto": "https", "Host": "desk.example"}
        assert httpx.get(f"{url}/login", headers=told, trust_env=False).status_code == 403


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--listen", "0.0.0.0:0"), "in clear"),
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--listen", "127.0.0.1:1"), "choose another address"),
        (("--certificate", "x.pem"), "belong together"),
        (("--certificate", "x.pem", "--key", "x.pem"), "x.pem"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(folder: Path, options: tuple[str, ...], word: str) -> None:
    if os.getuid() == 0 and options == ("--listen", "127.0.0.1:1"):
        options = ("--listen", "192.0.2.1:1", "--behind-tls-proxy", "127.0.0.1")
    done = subprocess.run(command(folder, *options), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("protect", [False, True])
def test_a_key_that_does_not_fit_is_said_in_plain_words(folder: Path, *, protect: bool) -> None:
    pem, key = certificate(folder)
    if protect:
        secret = serialization.BestAvailableEncryption(b"a passphrase")
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret
        key.write_bytes(private.private_bytes(*form))
    else:
        key.write_text("no key")
    options = ("--certificate", str(pem), "--key", str(key))
    done = subprocess.run(command(folder, *options), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no certificate with its key, in PEM and without a passphrase" in done.stderr
    assert "ssl" not in done.stderr.lower()


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with bound("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_without_an_admin_the_first_step_is_said(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text("")
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "exfilter review user add NAME --role admin" in done.stderr
