"""Squid in front: what is clean arrives whole, what is held does not begin to, whatever breaks in between."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from exfilter.quarantine import Quarantine
from fixtures.bodies import copied_csv
from fixtures.customers import customers, write_csv
from fixtures.squid import PASSWORD, USER, Squid
from tests.e2e.conftest import PEOPLE
from tests.e2e.engine import LOCAL, Engine, Office, SharedEngine
from tests.e2e.house import exfilter, http, https
from tests.e2e.raw import Sink
from tests.e2e.test_neighbour import children
from tests.e2e.test_who import spellings, written
from tests.who.company import SERVER, Issued

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd

PROSE = b"The quick brown fox jumps over the lazy dog, and so on.\n" * (8_000_000 // 56)
"""8 MB. Debian's Squid resets larger uploads that it has opened now and then, also without an engine."""
SIZES = [0, 3_000, 100_000, len(PROSE)]
FRAMINGS = {
    "length": (),
    "chunked": ("-H", "Transfer-Encoding: chunked"),
    "expect": ("-H", "Expect: 100-continue"),
}
WAYS = {"http": http, "https": https}
REFUSED = "refused.example"
POLICY = f"""
[[rules]]
name = "nothing goes there"
destination = ["{REFUSED}"]
action = "block"

"""

GROUPS = """
[groups]
support = []

[[rules]]
name = "support may"
group = ["support"]
action = "allow"

[[rules]]
name = "many"
customers = 20
action = "quarantine"
"""


@pytest.fixture(scope="module")
def engine(shared_folder: Path) -> Iterator[SharedEngine]:
    """Open one with two processes."""
    policy = shared_folder / "policy.toml"
    policy.write_text(policy.read_text().replace("[[rules]]", f"{POLICY.strip()}\n\n[[rules]]", 1))
    with SharedEngine(shared_folder, ("--processes", "2", *LOCAL)) as engine:
        yield engine


@pytest.fixture(scope="module")
def office(engine: SharedEngine, far_end_ca: Path) -> Iterator[Office]:
    with Squid(far_end_ca, engine.address, hosts={REFUSED: "127.0.0.1"}) as squid:
        yield Office(squid)


@pytest.fixture(autouse=True)
def _begin(request: pytest.FixtureRequest) -> None:
    if "engine" in request.fixturenames:
        request.getfixturevalue("engine").begin()


def senders(folder: Path) -> dict[str, str]:
    """Return who sent what is held, by its id."""
    with Quarantine.open(folder / "quarantine") as quarantine:
        assert quarantine.verify().whole
        return {entry.id: entry.actor for entry in quarantine.entries()}


def framed(size: int) -> list[str]:
    return list(FRAMINGS if size else ["length"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
class TestEveryWay:
    def test_clean_bodies_arrive_whole(self, office: Office, far_end: FarEnd, way: str, size: int) -> None:
        data = PROSE[:size]
        for framing in framed(size):
            reply = office.curl(WAYS[way](far_end), *FRAMINGS[framing], data=data or None)
            assert (reply.status, reply.body) == (200, "arrived\n"), framing
        arrived = [(arrival.scheme, arrival.method, arrival.sha256) for arrival in far_end.arrivals]
        method, digest = "POST" if size else "GET", hashlib.sha256(data).hexdigest()
        assert arrived == [(way, method, digest)] * len(framed(size))

    def test_leaks_do_not_begin_to_arrive(
        self, office: Office, engine: SharedEngine, far_end: FarEnd, leak: bytes, way: str, size: int
    ) -> None:
        data, ids = PROSE[:size] + b"\n" + leak, []
        for framing in framed(size):
            reply = office.curl(WAYS[way](far_end, f"/{way}/{size}/{framing}"), *FRAMINGS[framing], data=data)
            assert (reply.status, bool(reply.transfer_id)) == (403, True), framing
            assert reply.transfer_id in reply.body
            ids.append(reply.transfer_id)
        assert not far_end.arrivals
        found = senders(engine.folder)
        assert [found.get(each) for each in ids] == [USER] * len(ids)
        lines = [line for line in engine.decisions() if line["held"]]
        assert {(line["actor"], line["customers"]) for line in lines} == {(USER, 60)}


def test_large_uploads_at_once_arrive_whole(office: Office, far_end: FarEnd) -> None:
    data = PROSE * 4
    with ThreadPoolExecutor(6) as pool:
        ways = [http(far_end, f"/{number}") for number in range(6)]
        sent = [pool.submit(office.curl, url, data=data) for url in ways]
        assert [each.result().status for each in sent] == [200] * len(ways)
    assert [arrival.sha256 for arrival in far_end.arrivals] == [hashlib.sha256(data).hexdigest()] * len(ways)


def test_a_released_transfer_passes_once(
    office: Office, engine: SharedEngine, far_end: FarEnd, leak: bytes
) -> None:
    for url in (http(far_end, "/released"), https(far_end, "/released")):
        reply = office.curl(url, data=leak)
        assert reply.status == 403
        released = ("quarantine", "release", reply.transfer_id, "--reason", "agreed")
        assert exfilter(*released, "--config", engine.folder).returncode == 0
        assert [office.curl(url, data=leak).status for _ in range(2)] == [200, 403]
    digest = hashlib.sha256(leak).hexdigest()
    assert [arrival.sha256 for arrival in far_end.arrivals] == [digest] * 2


def test_a_tunnel_is_judged_by_where_it_goes(office: Office, engine: SharedEngine, far_end: FarEnd) -> None:
    assert office.curl(https(far_end)).status == 200
    reply = office.curl(f"https://{REFUSED}:{far_end.https}/")
    assert (reply.status, reply.curl) == (403, 56)
    assert [(line["method"], line["destination"], line["held"]) for line in engine.decisions()] == [
        ("CONNECT", "localhost", False),
        ("GET", "localhost", False),
        ("CONNECT", REFUSED, True),
    ]
    assert [arrival.method for arrival in far_end.arrivals] == ["GET"]


def test_a_destination_is_greeted_with_the_name_that_was_judged(office: Office, engine: SharedEngine) -> None:
    with Sink() as sink:
        here = f"localhost:{sink.port}"
        other = f"jane-doe.example.com:{sink.port}"
        said = ("--connect-to", f"{other}:{here}", "-H", f"Host: {here}", "-k")
        assert office.curl(f"https://{other}/", *said).status == 503
        assert b"localhost" in sink.received
        assert b"jane-doe" not in sink.received
    assert {line["destination"] for line in engine.decisions()} == {"localhost"}


def test_nobody_is_asked_for_the_name_in_a_request_that_is_held(
    engine: SharedEngine, far_end_ca: Path, leak: bytes
) -> None:
    asked = "idnsALookup: buf is"
    told = ("debug_options ALL,1 78,3", "dns_nameservers 127.0.0.1", "dns_timeout 1 second")
    with Squid(far_end_ca, engine.address, more=told, leads_here=False) as squid:
        assert Office(squid).curl("http://jane-doe.example.invalid/", data=leak).status == 403
        assert asked not in squid.said()
        assert Office(squid).curl("http://somebody.example.invalid/").status >= 500
        assert asked in squid.said()


def test_the_machine_of_the_proxy_is_no_destination(
    engine: SharedEngine, far_end_ca: Path, far_end: FarEnd
) -> None:
    with Squid(far_end_ca, engine.address, leads_here=False) as squid:
        for url in (http(far_end), https(far_end)):
            reply = Office(squid).curl(url, data=b"hello")
            assert (reply.status, reply.transfer_id) == (403, "")
    assert not far_end.arrivals


def test_who_is_not_logged_in_is_nobody(office: Office, engine: SharedEngine, far_end: FarEnd) -> None:
    assert office.anonymous(http(far_end), data=b"x").status == 407
    assert office.anonymous(https(far_end), data=b"x").status == 407
    assert not far_end.arrivals
    assert not engine.decisions()


def test_a_password_stays_where_it_was_said(
    office: Office, engine: SharedEngine, far_end: FarEnd, leak: bytes, tmp_path: Path
) -> None:
    for number, url in enumerate((http(far_end, "/secret"), https(far_end, "/secret"))):
        reply = office.curl(url, data=leak)
        out = tmp_path / f"exported-{number}"
        line = ("quarantine", "export", reply.transfer_id, "--out", out, "--config", engine.folder)
        assert exfilter(*line).returncode == 0
    everything = written(engine.folder) + written(tmp_path) + "\n".join(engine.said).encode()
    assert not any(spelling in everything for spelling in spellings(USER, PASSWORD))


def test_one_process_dies_and_others_go_on(
    office: Office, engine: SharedEngine, far_end: FarEnd, leak: bytes
) -> None:
    doors = children(engine)
    assert len(doors) == 2
    lost = min(doors)
    os.kill(lost, signal.SIGKILL)
    url = http(far_end, "/after")
    assert engine.eventually(lambda: office.curl(url, data=b"hello").status == 200)
    assert {office.curl(url, data=leak).status for _ in range(10)} <= {403, 500}
    assert engine.eventually(lambda: len(children(engine)) == 2 and lost not in children(engine))
    assert {arrival.bytes for arrival in far_end.arrivals} == {5}


class TestTheEngineIsKilled:
    """In the middle of an upload, and Squid has no leave to go on without."""

    @pytest.mark.parametrize("way", WAYS)
    def test_in_an_upload(self, folder: Path, far_end: FarEnd, leak: bytes, way: str) -> None:
        url, data = WAYS[way](far_end), PROSE[:2_000_000] + leak
        with Engine(folder, LOCAL) as engine, Squid(far_end.ca, engine.address) as squid:
            office = Office(squid)
            assert office.curl(url, data=b"before").status == 200
            with ThreadPoolExecutor(1) as pool:
                slow = pool.submit(office.curl, url, "--limit-rate", "500k", data=data)
                time.sleep(2)
                assert not slow.done()
                engine.stop(signal.SIGKILL)
                reply = slow.result()
            assert reply.status in {0, 500}
            assert office.curl(url, data=b"while it is away").status == 500
            with Engine(folder, LOCAL, listen=f"127.0.0.1:{engine.port}") as again:
                assert again.eventually(lambda: office.curl(url, data=b"after").status == 200)
                assert office.curl(url, data=leak).status == 403
        assert {arrival.bytes for arrival in far_end.arrivals} == {len(b"before"), len(b"after")}

    def test_before_its_verdict(self, folder: Path, far_end: FarEnd, leak: bytes) -> None:
        with Engine(folder, LOCAL, fault="hangs") as engine, Squid(far_end.ca, engine.address) as squid:
            office = Office(squid)
            with ThreadPoolExecutor(2) as pool:
                urls = http(far_end), https(far_end)
                waiting = [pool.submit(office.curl, url, data=leak) for url in urls]
                time.sleep(3)
                assert not any(each.done() for each in waiting)
                engine.stop(signal.SIGKILL)
                assert {each.result().status for each in waiting} <= {0, 500}
        assert not far_end.arrivals


def test_a_scan_that_fails_is_held(folder: Path, far_end: FarEnd, form: bytes) -> None:
    with Engine(folder, LOCAL, fault="raises") as engine, Squid(far_end.ca, engine.address) as squid:
        for url in (http(far_end), https(far_end)):
            reply = Office(squid).curl(url, data=form)
            assert (reply.status, bool(reply.transfer_id)) == (403, True)
        assert "customer@example.com" not in "\n".join(engine.said)
    assert not far_end.arrivals


def test_groups_come_from_squid(folder: Path, far_end: FarEnd, leak: bytes) -> None:
    (folder / "policy.toml").write_text(GROUPS)
    told = ("adaptation_meta X-Authenticated-Groups support all",)
    with Engine(folder, LOCAL) as engine:
        with Squid(far_end.ca, engine.address, more=told) as squid:
            assert Office(squid).curl(http(far_end), data=leak).status == 200
        with Squid(far_end.ca, engine.address) as squid:
            assert Office(squid).curl(http(far_end), data=leak).status == 403
    assert len(far_end.arrivals) == 1


def test_an_index_is_rebuilt_under_load(folder: Path, far_end: FarEnd, tmp_path: Path, leak: bytes) -> None:
    others = copied_csv(list(islice(customers(2 * PEOPLE, seed=7), 60))).data
    write_csv(tmp_path / "others.csv", 2 * PEOPLE, 7)
    clean, strange = list[int](), list[int]()
    with Engine(folder, ("--processes", "2", *LOCAL)) as engine, Squid(far_end.ca, engine.address) as squid:
        office, before = Office(squid), engine.options()["istag"]
        building = True

        def load(number: int) -> None:
            while building or strange[-1] != 403:
                clean.append(office.curl(http(far_end, f"/clean/{number}"), data=PROSE[:20_000]).status)
                strange.append(office.curl(http(far_end, f"/strange/{number}"), data=others).status)

        with ThreadPoolExecutor(2) as pool:
            loads = [pool.submit(load, number) for number in range(2)]
            assert engine.eventually(lambda: len(strange) > 3)
            assert set(strange) == {200}
            assert office.curl(http(far_end), data=leak).status == 403
            built = exfilter("index", "build", tmp_path / "others.csv", "--config", folder)
            assert built.returncode == 0, built.stderr
            building = False
            for each in loads:
                each.result(120)
        # Each process looks for itself.
        assert engine.eventually(lambda: office.curl(http(far_end, "/familiar"), data=leak).status == 200)
        assert engine.eventually(lambda: engine.options()["istag"] != before)
    assert set(clean) == {200}
    assert set(strange) == {200, 403}


def test_squid_asks_over_tls(folder: Path, far_end: FarEnd, tmp_path: Path, leak: bytes) -> None:
    company = Issued.authority("Company")
    ca = company.publish(tmp_path / "company.pem")
    server = company.person("localhost", x509.DNSName("localhost"), usage=(SERVER,)).write(tmp_path / "e.pem")
    with Engine(folder, ("--tls-cert", str(server), "--tls-key", str(server), *LOCAL)) as engine:
        assert engine.address.startswith("icaps://")
        service = engine.address.replace("127.0.0.1", "localhost")
        with Squid(far_end.ca, service, engine_ca=ca) as squid:
            office = Office(squid)
            for url in (http(far_end), https(far_end)):
                assert office.curl(url, data=PROSE).status == 200
                assert office.curl(url, data=leak).status == 403
        with Squid(far_end.ca, service, engine_ca=far_end.ca) as stranger:
            assert Office(stranger).curl(http(far_end), data=b"to whom?").status == 500
    assert {arrival.bytes for arrival in far_end.arrivals} == {len(PROSE)}
    assert list(senders(folder).values()) == [USER] * 2
