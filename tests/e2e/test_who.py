"""Who sent it: passwords, certificates and SOCKS, with real clients. And no password goes any further."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bcrypt
import pytest
from cryptography import x509

from tests.e2e import house
from tests.e2e.house import PATIENCE, Proxy, Shared, copy, exfilter, http, https
from tests.e2e.raw import Sink, basic, connect, dial, head, socks
from tests.who.company import SERVER, Issued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd
    from tests.e2e.house import Reply

SECRET = "sword:fish:in:a:barrel"
REFUSED = {(407, 0), (407, 56), (407, 22), (403, 0), (403, 56), (403, 22)}
"""Answers of the proxy as curl reports them, for a request and for a tunnel."""
SOCKS = ("--socks", "127.0.0.2:0")
"""Another loopback address, as both ports are free ones."""


def line(user: str, password: str = SECRET, rounds: int = 4) -> str:
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()}\n"


def known(folder: Path) -> Path:
    file = folder / "users"
    file.write_text(line("anna") + line("boris", "swordfish"))
    return file


@pytest.fixture
def users(folder: Path) -> Path:
    return known(folder)


@pytest.fixture
def own(folder: Path, users: Path, far_end: FarEnd) -> Iterator[Proxy]:
    """Open a door of the test's own: it changes who may use it, or guesses, or reads all that is written."""
    with Proxy(folder, ("--auth", str(users), "--upstream-ca", str(far_end.ca), *SOCKS)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def asking(template: Path, tmp_path_factory: pytest.TempPathFactory, far_end_ca: Path) -> Iterator[Shared]:
    folder = copy(template, tmp_path_factory.mktemp("asking") / "config")
    with Shared(folder, ("--auth", str(known(folder)), "--upstream-ca", str(far_end_ca), *SOCKS)) as proxy:
        yield proxy


@pytest.fixture
def auth(asking: Shared) -> Proxy:
    return asking.begin()


def socks_address(proxy: Proxy) -> str:
    (found,) = (said.split()[-1] for said in proxy.said if "socks5h://" in said)
    return found


def by_socks(proxy: Proxy, url: str, *arguments: str, data: bytes | None = None) -> Reply:
    address = socks_address(proxy).removeprefix("socks5h://")
    return house.curl(url, "--socks5-hostname", address, "--cacert", str(proxy.ca), *arguments, data=data)


def actors(proxy: Proxy) -> list[str]:
    return [decision["actor"] for decision in proxy.decisions()]


def client_context(proxy: Proxy) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(proxy.ca))


def said_after_start(proxy: Proxy) -> list[str]:
    opened = next(number for number, line in enumerate(proxy.said) if f"on {proxy.address}" in line)
    return proxy.said[opened + 1 :]


class TestPasswords:
    def test_a_password_with_colons_opens_the_door(self, auth: Proxy, far_end: FarEnd, form: bytes) -> None:
        for url in (http(far_end), https(far_end)):
            assert auth.curl(url, "--proxy-user", f"anna:{SECRET}", data=form).status == 200
        assert set(actors(auth)) == {"anna"}
        assert len(far_end.arrivals) == 2

    @pytest.mark.parametrize(
        "credentials",
        [
            "",
            "Basic",
            "Basic !!!!",
            "Bearer abc",
            basic("anna", "sword"),
            basic("", ""),
            basic("nobody", SECRET),
        ],
    )
    def test_all_others_are_asked_who_they_are(self, auth: Proxy, far_end: FarEnd, credentials: str) -> None:
        named = ("--proxy-header", f"Proxy-Authorization: {credentials}") if credentials else ()
        for url in (http(far_end), https(far_end)):
            reply = auth.curl(url, *named, data=b"x")
            assert (reply.status, reply.curl) in REFUSED
            assert reply.headers["proxy-authenticate"] == 'Basic realm="exfilter", charset="UTF-8"'
        assert far_end.connections == 0
        assert not actors(auth)

    def test_two_credentials_are_none(self, auth: Proxy, far_end: FarEnd) -> None:
        with dial(auth.address) as client:
            named = f"Proxy-Authorization: {basic('anna', SECRET)}\r\n"
            client.sendall(f"GET {http(far_end)} HTTP/1.1\r\nHost: h\r\n{named * 2}\r\n".encode())
            assert head(client).split()[1] == b"407"
        assert far_end.connections == 0

    def test_who_is_taken_out_of_the_file_is_out_also_in_an_open_tunnel(
        self, own: Proxy, users: Path, far_end: FarEnd
    ) -> None:
        opened, status = connect(own.address, "localhost", far_end.https, basic("anna", SECRET))
        assert status == 200
        with client_context(own).wrap_socket(opened, server_hostname="localhost") as client:
            request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.sendall(request)
            assert head(client).split()[1] == b"200"
            client.recv(100)
            users.write_text(line("boris", "swordfish"))
            time.sleep(1.2)
            client.sendall(request)
            assert head(client).split()[1] == b"407"
        assert len(far_end.arrivals) == 1

    def test_a_broken_file_leaves_the_old_users_and_is_said(
        self, own: Proxy, users: Path, far_end: FarEnd
    ) -> None:
        users.write_text(line("carla", "new"))
        time.sleep(1.2)
        assert own.curl(http(far_end), "-U", "carla:new").status == 200
        users.write_text(line("carla", "new") + "dora:in-clear\n")
        time.sleep(1.2)
        assert own.curl(http(far_end), "-U", "carla:new").status == 200
        assert own.curl(http(far_end), "-U", "dora:in-clear").status == 407
        (said,) = said_after_start(own)
        assert f"{users}:2: " in said
        assert "in-clear" not in said

    def test_guesses_run_out(self, own: Proxy, far_end: FarEnd) -> None:
        assert own.curl(http(far_end), "-U", "boris:swordfish").status == 200
        for number in range(10):
            assert own.curl(http(far_end), "-U", f"anna:guess-{number}").status == 407
        assert own.curl(http(far_end), "-U", f"anna:{SECRET}").status == 407
        assert own.curl(http(far_end), "-U", "boris:swordfish").status == 200
        (said,) = said_after_start(own)
        assert said.endswith("10 wrong passwords within a minute from 127.0.0.1: it has to wait")

    def test_a_new_connection_does_not_pay_for_bcrypt_again(
        self, folder: Path, users: Path, far_end: FarEnd
    ) -> None:
        users.write_text(line("anna", rounds=13))
        with Proxy(folder, ("--auth", str(users))) as proxy:
            seconds = []
            for _ in range(3):
                begin = time.perf_counter()
                assert proxy.curl(http(far_end), "-U", f"anna:{SECRET}").status == 200
                seconds.append(time.perf_counter() - begin)
        assert min(seconds[1:]) < seconds[0] / 2


def spellings(user: str, password: str) -> list[bytes]:
    token = base64.b64encode(f"{user}:{password}".encode())
    return [password.encode(), token, base64.b64encode(password.encode())]


def written(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def without_passwords(text: bytes) -> bool:
    return not any(spelling in text for spelling in spellings("anna", SECRET))


class TestPasswordsGoNoFurther:
    """Every way in: the far end's raw bytes, the folder, standard error, and what a reviewer exports."""

    def test_in_plain(self, folder: Path, users: Path) -> None:
        with Sink() as sink, Proxy(folder, ("--auth", str(users), *SOCKS)) as proxy:
            url = f"http://127.0.0.1:{sink.port}/"
            assert proxy.curl(url, "-U", f"anna:{SECRET}", data=b"x").status == 200
            assert by_socks(proxy, url, "-U", f"anna:{SECRET}", data=b"x").status == 200
            named = ("-H", f"Proxy-Authorization: {basic('anna', SECRET)}")
            assert by_socks(proxy, url, *named, "-U", f"anna:{SECRET}").status == 200
            upgrade = (
                "-H",
                "Connection: Upgrade",
                "-H",
                "Upgrade: websocket",
                "-H",
                "Sec-WebSocket-Version: 13",
            )
            key = ("-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
            assert proxy.curl(url, "-U", f"anna:{SECRET}", *upgrade, *key).status == 200
            assert actors(proxy) == ["anna"] * 4
        assert sink.connections == 4
        assert sink.received.count(b"HTTP/1.1\r\n") == 4
        assert b"proxy-authorization" not in sink.received.lower()
        assert without_passwords(sink.received + written(folder) + "\n".join(proxy.said).encode())

    @pytest.mark.parametrize("version", ["--http1.1", "--http2"])
    def test_in_tunnels(self, folder: Path, users: Path, tmp_path: Path, version: str) -> None:
        (tmp_path / "sink").mkdir()
        with (
            Sink(tmp_path / "sink") as sink,
            Proxy(folder, ("--auth", str(users), "--upstream-ca", str(sink.ca), *SOCKS)) as proxy,
        ):
            url, user = f"https://localhost:{sink.port}/", ("-U", f"anna:{SECRET}")
            # A client that repeats its credentials inside the tunnel.
            named = ("-H", f"Proxy-Authorization: {basic('anna', SECRET)}", version)
            assert proxy.curl(url, *user, *named, data=b"x").status == 200
            assert by_socks(proxy, url, *user, *named, data=b"x").status == 200
            assert set(actors(proxy)) == {"anna"}
        assert sink.received.count(b"HTTP/1.1\r\n") == 2
        assert b"proxy-authorization" not in sink.received.lower()
        assert without_passwords(sink.received + written(folder) + "\n".join(proxy.said).encode())

    def test_with_what_is_held_refused_or_broken(
        self, own: Proxy, far_end: FarEnd, leak: bytes, tmp_path: Path
    ) -> None:
        user = ("-U", f"anna:{SECRET}")
        held = [own.curl(url, *user, data=leak).transfer_id for url in (http(far_end), https(far_end))]
        held.append(by_socks(own, http(far_end), *user, data=leak).transfer_id)
        assert all(held)
        own.curl(http(far_end), "-U", f"nobody:{SECRET}", data=leak)
        own.curl(http(far_end), *user, "-X", "bad-method", data=leak)
        with dial(socks_address(own)) as client:
            client.sendall(b"\5\1\2\1\4anna" + bytes([len(SECRET)]) + SECRET.encode() + b"\5\x09")
            client.recv(100)
        assert far_end.body_bytes == 0
        for number, transfer_id in enumerate(held):
            out = tmp_path / f"out{number}"
            done = exfilter("quarantine", "export", transfer_id, "--out", out, "--config", own.folder)
            assert done.returncode == 0, done.stderr
            assert without_passwords(out.read_bytes() + done.stdout.encode())
        shown = exfilter("quarantine", "show", held[0], "--config", own.folder).stdout
        assert "anna" in shown
        own.stop(signal.SIGTERM)
        assert without_passwords(written(own.folder) + "\n".join(own.said).encode() + shown.encode())


@dataclass(frozen=True)
class Company:
    """The authority's file, and files of certificates."""

    folder: Path
    authority: Issued
    ca: Path

    def card(self, name: str = "anna", *names: x509.GeneralName) -> Path:
        return self.authority.person(name, *names).write(self.folder / f"{name}.pem")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    authority, folder = Issued.authority(), tmp_path_factory.mktemp("company")
    return Company(folder, authority, authority.publish(folder / "company.pem"))


def over_tls(proxy: Proxy, url: str, card: Path | None, *arguments: str, data: bytes | None = None) -> Reply:
    """Speak TLS to the proxy, with a certificate or without."""
    shown = ("--proxy-cert", str(card)) if card else ()
    address = proxy.address.replace("http://", "https://")
    trust = ("--proxy-cacert", str(proxy.ca), "--cacert", str(proxy.ca))
    return house.curl(url, "-x", address, *trust, *shown, *arguments, data=data)


@pytest.fixture(scope="class")
def verifying(shared_folder: Path, company: Company, far_end_ca: Path) -> Iterator[Shared]:
    arguments = ("--client-ca", str(company.ca), "--upstream-ca", str(far_end_ca), *SOCKS)
    with Shared(shared_folder, arguments) as proxy:
        yield proxy


class TestCertificates:
    @pytest.fixture
    def proxy(self, verifying: Shared) -> Proxy:
        return verifying.begin()

    def test_the_certificate_is_the_actor_in_requests_and_tunnels(
        self, proxy: Proxy, company: Company, far_end: FarEnd, form: bytes
    ) -> None:
        card = company.card("anna", x509.RFC822Name("anna@corp.example"))
        for url in (http(far_end), https(far_end)):
            assert over_tls(proxy, url, card, data=form).status == 200
        assert set(actors(proxy)) == {"anna@corp.example"}
        assert len(far_end.arrivals) == 2

    def test_who_shows_none_that_counts_gets_a_page(
        self, proxy: Proxy, company: Company, far_end: FarEnd, tmp_path: Path
    ) -> None:
        other = Issued.authority().person("anna").write(tmp_path / "other.pem")
        server = company.authority.person("anna", usage=(SERVER,)).write(tmp_path / "server.pem")
        old = company.authority.person("anna", days=(-9, -1)).write(tmp_path / "old.pem")
        for card in (None, other, server, old):
            for url in (http(far_end), https(far_end)):
                reply = over_tls(proxy, url, card, "-U", f"anna:{SECRET}", data=b"x")
                assert (reply.status, reply.curl) in REFUSED
                assert "proxy-authenticate" not in reply.headers
        for url in (http(far_end), https(far_end)):
            assert (proxy.curl(url, data=b"x").status) == 403, "plain HTTP shows no certificate"
        assert by_socks(proxy, http(far_end)).curl == 97
        with pytest.raises(ConnectionRefusedError):
            socks(socks_address(proxy), "localhost", far_end.http, "anna", SECRET)
        assert far_end.connections == 0
        assert not actors(proxy)

    def test_only_the_proxy_asks_for_it_and_no_site(
        self, proxy: Proxy, company: Company, far_end: FarEnd
    ) -> None:
        line = ["curl", "-sSv", "-q", "--noproxy", "", "-x", proxy.address.replace("http:", "https:")]
        line += ["--proxy-cacert", str(proxy.ca), "--cacert", str(proxy.ca)]
        line += ["--proxy-cert", str(company.card()), https(far_end)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert len(re.findall(r"TLS handshake, Request CERT", done.stderr)) == 1

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_a_session_that_is_taken_up_again_has_the_certificate(
        self, proxy: Proxy, company: Company, far_end: FarEnd, version: ssl.TLSVersion
    ) -> None:
        department = Issued.authority("Department", by=company.authority)
        context = client_context(proxy)
        context.load_cert_chain(department.person("anna").write(company.folder / "deep.pem"))
        context.minimum_version = context.maximum_version = version
        context.check_hostname = False
        session, reused = None, []
        for _ in range(2):
            with context.wrap_socket(dial(proxy.address), session=session) as client:
                client.sendall(f"GET {http(far_end)} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                assert head(client).split()[1] == b"200"
                session = client.session
                reused.append(client.session_reused)
        assert reused == [False, True]
        assert actors(proxy) == ["anna", "anna"]

    def test_with_users_too_a_password_will_do_and_a_certificate_comes_first(
        self, folder: Path, users: Path, company: Company, far_end: FarEnd
    ) -> None:
        arguments = ("--client-ca", str(company.ca), "--auth", str(users), *SOCKS)
        with Proxy(folder, arguments) as proxy:
            url, boris = http(far_end), ("-U", "boris:swordfish")
            assert over_tls(proxy, url, company.card()).status == 200
            assert over_tls(proxy, url, company.card(), *boris).status == 200
            assert over_tls(proxy, url, None, *boris).status == 200
            assert proxy.curl(url, *boris).status == 200
            assert by_socks(proxy, url, *boris).status == 200
            assert over_tls(proxy, url, None).status == 407
            assert proxy.curl(url).status == 407
            assert actors(proxy) == ["anna", "anna", "boris", "boris", "boris"]

    def test_a_file_without_authorities_does_not_open_the_door(self, folder: Path, users: Path) -> None:
        done = exfilter("proxy", "--config", folder, "--listen", "127.0.0.1:0", "--client-ca", users)
        assert done.returncode == 2
        assert "holds no certificates" in done.stderr
        assert "listening" not in done.stderr


@pytest.fixture(scope="class")
def asking_nobody(shared_folder: Path, far_end_ca: Path) -> Iterator[Shared]:
    with Shared(shared_folder, ("--upstream-ca", str(far_end_ca), *SOCKS)) as proxy:
        yield proxy


class TestSocks:
    def test_the_user_is_the_actor(self, auth: Proxy, far_end: FarEnd, form: bytes) -> None:
        for url in (http(far_end), https(far_end)):
            assert by_socks(auth, url, "-U", f"anna:{SECRET}", data=form).status == 200
        assert set(actors(auth)) == {"anna"}
        assert len(far_end.arrivals) == 2

    def test_who_says_nothing_or_a_wrong_password_is_refused(self, auth: Proxy, far_end: FarEnd) -> None:
        for arguments in ((), ("-U", "anna:wrong"), ("-U", f"nobody:{SECRET}")):
            reply = by_socks(auth, http(far_end), *arguments)
            assert (reply.status, reply.curl) == (0, 97)
        assert far_end.connections == 0
        assert not actors(auth)

    @pytest.fixture
    def open_door(self, asking_nobody: Shared) -> Proxy:
        return asking_nobody.begin()

    def test_without_users_the_address_is_the_actor(
        self, open_door: Proxy, far_end: FarEnd, leak: bytes, form: bytes
    ) -> None:
        assert by_socks(open_door, https(far_end), data=form).status == 200
        assert by_socks(open_door, https(far_end), data=leak).status == 403
        assert set(actors(open_door)) == {"127.0.0.1"}
        assert far_end.body_bytes == len(form)

    @pytest.mark.parametrize(
        "spoken",
        [
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO jane.doe@example.com\r\n",
            bytes(range(1, 200)),
            b"\0\x1d\0\1\1\0\0\1\0\0\0\0\0\0\4jane\7example\0\0\1\0\1",
        ],
        ids=["ssh", "smtp", "bytes", "dns"],
    )
    @pytest.mark.parametrize("port", [0, 5353], ids=["any", "dns port"])
    def test_what_is_neither_tls_nor_http_reaches_nobody(
        self, open_door: Proxy, spoken: bytes, port: int
    ) -> None:
        # A loopback address of this process's own: other test workers listen on that port, too.
        host = f"127.9.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
        with Sink(place=(host, port)) as sink:
            with socks(socks_address(open_door), host, sink.port) as client:
                client.sendall(spoken)
                client.settimeout(1.5)
                with contextlib.suppress(TimeoutError):
                    client.recv(1000)
            time.sleep(0.2)
        assert sink.connections == 0

    def test_a_name_that_is_asked_for_is_a_carrier(self, folder: Path, leak: bytes) -> None:
        policy = folder / "policy.toml"
        rule = '\n[[rules]]\nname = "one"\ncustomers = 1\naction = "quarantine"\n'
        policy.write_text(policy.read_text() + rule)
        email = next(field for field in re.split(rb"[,\r\n]", leak) if b"@" in field).decode()
        with Proxy(folder, SOCKS) as proxy:
            plain = socks(socks_address(proxy), email, 80)
            with plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert head(plain).split()[1] == b"403"
            (decision,) = proxy.decisions()
            assert (decision["held"], decision["customers"]) == (True, 1)
            assert email not in (proxy.folder / "decisions.jsonl").read_text() + "\n".join(proxy.said)

    def test_a_server_name_other_than_the_one_asked_for_is_refused(
        self, auth: Proxy, far_end: FarEnd
    ) -> None:
        with (
            socks(socks_address(auth), "localhost", far_end.https, "anna", SECRET) as opened,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            client_context(auth).wrap_socket(opened, server_hostname="jane-doe.example.com")
        assert far_end.connections == 0
        (decision,) = auth.decisions()
        assert (decision["method"], decision["held"], decision["actor"]) == ("TLS", True, "anna")

    def test_a_port_in_use_is_said(self, folder: Path, far_end: FarEnd) -> None:
        taken = f"127.0.0.1:{far_end.http}"
        done = exfilter("proxy", "--config", folder, "--listen", "127.0.0.1:0", "--socks", taken)
        assert done.returncode == 2
        assert f"cannot listen on {taken}: " in done.stderr
        assert "--socks HOST:PORT" in done.stderr


def by_rule(folder: Path, change: Callable[[str], str]) -> None:
    policy = folder / "policy.toml"
    policy.write_text(change(policy.read_text()))


class TestGroups:
    def test_a_group_of_a_file_may_send_what_others_may_not(
        self, folder: Path, users: Path, far_end: FarEnd, leak: bytes
    ) -> None:
        allow = '\n[[rules]]\nname = "support"\ngroup = ["support"]\naction = "allow"\n'
        by_rule(folder, lambda text: text.replace("[groups]\n", "[groups]\nsupport = []\n"))
        by_rule(folder, lambda text: text.replace("\n[[rules]]\n", allow + "\n[[rules]]\n", 1))
        (folder / "groups.txt").write_text("support: boris\n")
        (folder / "exfilter.toml").write_text('groups_file = "groups.txt"\n')
        with Proxy(folder, ("--auth", str(users))) as proxy:
            assert proxy.curl(http(far_end), "-U", f"anna:{SECRET}", data=leak).status == 403
            assert proxy.curl(http(far_end), "-U", "boris:swordfish", data=leak).status == 200
            (folder / "groups.txt").write_text("support: anna\n")
            time.sleep(1.2)
            assert proxy.curl(http(far_end), "-U", f"anna:{SECRET}", data=leak).status == 200
            assert proxy.curl(http(far_end), "-U", "boris:swordfish", data=leak).status == 403
            (folder / "groups.txt").write_text("support: anna\nboris\n")
            time.sleep(1.2)
            assert proxy.curl(http(far_end), "-U", f"anna:{SECRET}", data=leak).status == 200
            assert any("groups.txt:2: " in said for said in proxy.said)


class TestPseudonyms:
    def test_the_log_has_them_and_the_quarantine_has_names(
        self, folder: Path, users: Path, far_end: FarEnd, leak: bytes, form: bytes
    ) -> None:
        (folder / "exfilter.toml").write_text("pseudonyms = true\n")
        with Proxy(folder, ("--auth", str(users))) as proxy:
            for body, status in ((form, 200), (leak, 403)):
                assert proxy.curl(http(far_end), "-U", f"anna:{SECRET}", data=body).status == status
        told = exfilter("pseudonym", "anna", "boris", "--config", folder).stdout.splitlines()
        (anna, _), (boris, name) = (row.split("\t") for row in told)
        assert name == "boris"
        assert set(actors(proxy)) == {anna} != {boris}
        assert "anna" not in (folder / "decisions.jsonl").read_text()
        assert '"anna"' in exfilter("quarantine", "list", "--format", "json", "--config", folder).stdout

    def test_nobody_has_none(self, folder: Path) -> None:
        done = exfilter("pseudonym", "anna", "", "--config", folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert "an empty name is nobody's" in done.stderr
