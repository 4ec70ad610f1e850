"""What drips out is seen, with a real proxy, real curl and a far end that counts."""

from __future__ import annotations

import contextlib
import hashlib
import http.server as http_server
import sqlite3
import threading
from contextlib import closing
from itertools import batched, islice
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from addons.chain import READ_LIMIT
from exfilter import settings
from exfilter.ledger import Ledger, open_ledger
from exfilter.ledger.tables import exposures
from exfilter.quarantine import Quarantine
from fixtures.bodies import copied_csv
from fixtures.customers import customers
from tests.e2e.conftest import PEOPLE
from tests.e2e.house import Proxy, curl, exfilter, http
from tests.ledger import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fixtures.farend import FarEnd

POLICY = """
[groups]
support = ["127.0.0.1"]

[[rules]]
name = "drip"
new_customers = 20
days = 1
action = "quarantine"
"""


READING = """
[[rules]]
name = "reads too much"
viewed_customers = 30
days = 1
action = "quarantine"
"""


@contextlib.contextmanager
def answering(bodies: Sequence[bytes]) -> Iterator[int]:
    """Run a support desk that answers with these, one after the other, and yield its port."""
    left = list(bodies)

    class Desk(http_server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = left.pop(0)
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server.ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    yield from postgresql.running()


@pytest.fixture
def dripping(folder: Path) -> Path:
    (folder / "policy.toml").write_text(POLICY)
    return folder


def drops(size: int, first: int = 0) -> Iterator[bytes]:
    """Yield uploads of a few customers each, all of them others."""
    for few in batched(islice(customers(PEOPLE), first, None), size):
        yield copied_csv(list(few)).data


def digest(text: str) -> str:
    """Return what stands for a text in an assertion, which would print it."""
    return hashlib.sha256(text.encode()).hexdigest()


def rows(folder: Path) -> list[sa.RowMapping]:
    with closing(open_ledger(settings.load(folder))) as ledger:
        return _rows(ledger)


def _rows(ledger: Ledger) -> list[sa.RowMapping]:
    with ledger.database.transaction() as connection:
        wanted = sa.select(exposures).order_by(exposures.c.id)
        return list(connection.execute(wanted).mappings())


def test_what_drips_out_is_held_on_the_first_day(dripping: Path, far_end: FarEnd) -> None:
    with Proxy(dripping) as proxy:
        drip = drops(6)
        replies = [proxy.curl(http(far_end), data=next(drip)) for _ in range(5)]
        assert [reply.status for reply in replies] == [200, 200, 200, 403, 403]
        assert {line["rule"] for line in proxy.decisions() if line["held"]} == {"drip"}
        reasons = [line["reason"] for line in proxy.decisions() if line["held"]]
        assert all("new customers of the actor today 24 (threshold 20)" in reason for reason in reasons)
    found = [(row["sent"], row["customers"], row["transfer_id"][:2]) for row in rows(dripping)]
    assert found == [(True, 6, "")] * 3 + [(False, 6, "t-")] * 2


def test_his_own_customers_every_time_are_nobody_new(dripping: Path, far_end: FarEnd) -> None:
    first, second = islice(drops(9), 2)
    with Proxy(dripping) as proxy:
        for number in range(8):
            data = (first, second)[number % 2] + b"\n%d" % number
            assert proxy.curl(http(far_end), data=data).status == 200
    assert [row["customers"] for row in rows(dripping)] == [9] * 8


def test_a_restart_forgets_nothing(dripping: Path, far_end: FarEnd) -> None:
    drip = drops(9)
    for expected in (200, 200, 403):
        with Proxy(dripping) as proxy:
            assert proxy.curl(http(far_end), data=next(drip)).status == expected


def test_a_retry_of_the_same_bytes_counts_once(dripping: Path, far_end: FarEnd) -> None:
    drop = next(drops(9))
    with Proxy(dripping) as proxy:
        assert [proxy.curl(http(far_end), data=drop).status for _ in range(3)] == [200] * 3
    assert [row["attempts"] for row in rows(dripping)] == [3]


def test_what_is_released_counts_when_it_passes(dripping: Path, far_end: FarEnd) -> None:
    drop, other = next(drops(30)), next(drops(3, first=40))
    with Proxy(dripping) as proxy:
        held = proxy.curl(http(far_end), data=drop)
        assert held.status == 403
        assert proxy.curl(http(far_end), data=other).status == 200
        with Quarantine.open(dripping / "quarantine") as quarantine:
            quarantine.release(held.transfer_id, "rita", "agreed")
        assert proxy.curl(http(far_end), data=drop).status == 200
        assert proxy.curl(http(far_end), data=next(drops(3, first=50))).status == 403
    assert [row["sent"] for row in rows(dripping)] == [True, True, False]


def test_a_ledger_that_is_locked_closes_the_door(dripping: Path, far_end: FarEnd) -> None:
    drop = next(drops(6))
    assert not rows(dripping)  # it is made
    with closing(sqlite3.connect(dripping / "ledger.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        with Proxy(dripping) as proxy:
            reply = proxy.curl(http(far_end), data=drop)
            assert (reply.status, bool(reply.transfer_id)) == (403, True)
            other.rollback()
            assert proxy.curl(http(far_end), data=drop).status == 200
    assert far_end.body_bytes == len(drop)


def test_what_an_internal_host_shows_is_counted_and_not_held(dripping: Path, far_end: FarEnd) -> None:
    with (dripping / settings.FILE).open("a") as file:
        file.write('read_hosts = ["127.0.0.1"]\n')
    (dripping / "policy.toml").write_text(READING)
    pages = drops(9)
    shown = [next(pages) for _ in range(4)]
    with answering(shown) as desk, Proxy(dripping, ("--status", "127.0.0.1:0")) as proxy:
        for page in shown:
            answer = proxy.curl(f"http://127.0.0.1:{desk}/export")
            assert digest(answer.body) == digest(page.decode().replace("\r\n", "\n"))
        assert proxy.eventually(lambda: len(rows(dripping)) == 4)
        (line,) = proxy.eventually(lambda: [line for line in proxy.decisions() if line["door"] == "response"])
        assert (line["action"], line["rule"], line["held"]) == ("alert", "reads too much", False)
        assert "customers shown to the actor today 36 (threshold 30)" in line["reason"]
        # And who has read so many is stopped when he sends any of them.
        assert proxy.curl(http(far_end), data=next(drops(2))).status == 403
    assert [row["door"] for row in rows(dripping)] == ["response"] * 4 + ["proxy"]


def test_what_is_behind_the_first_mebibytes_of_a_response_is_told(dripping: Path) -> None:
    with (dripping / settings.FILE).open("a") as file:
        file.write('read_hosts = ["127.0.0.1"]\n')
    page, rest = next(drops(9)), 1000
    page += b" " * (READ_LIMIT - len(page) + rest)
    with answering([page]) as desk, Proxy(dripping, ("--status", "127.0.0.1:0")) as proxy:
        answer = proxy.curl(f"http://127.0.0.1:{desk}/export")
        assert digest(answer.body) == digest(page.decode().replace("\r\n", "\n"))
        (line,) = proxy.eventually(lambda: [line for line in proxy.decisions() if line["door"] == "response"])
        told = (line["door"], line["action"], line["held"], line["customers"], line["unscanned"])
        left = [{"reason": "over-budget", "parts": 1, "bytes": rest}]
        assert told == ("response", "allow", False, 9, left)
        address = next(line for line in proxy.said if "status on" in line).split()[-1]
        counted = 'exfilter_responses_total{counted="part"} 1.0'
        assert proxy.eventually(lambda: counted in curl(f"{address}/metrics").body)
    assert [row["customers"] for row in rows(dripping)] == [9]


def test_other_hosts_are_not_read(dripping: Path, far_end: FarEnd) -> None:
    (page,) = islice(drops(9), 1)
    with answering([page]) as desk, Proxy(dripping) as proxy:
        assert proxy.curl(f"http://127.0.0.1:{desk}/export").status == 200
        assert proxy.curl(http(far_end), data=next(drops(2))).status == 200
    assert [row["door"] for row in rows(dripping)] == ["proxy"]


def test_doors_share_one_server(dripping: Path, far_end: FarEnd, server: postgresql.Server) -> None:
    password = dripping / "ledger.password"
    password.write_text(postgresql.PASSWORD + "\n")
    password.chmod(0o600)
    url = server.database().render_as_string()
    with (dripping / settings.FILE).open("a") as file:
        file.write(f'ledger = "{url}"\nledger_password_file = "ledger.password"\n')
    drip = drops(9)
    with Proxy(dripping) as here, Proxy(dripping) as there:
        statuses = [proxy.curl(http(far_end), data=next(drip)).status for proxy in (here, there, here, there)]
    assert statuses == [200, 200, 403, 403]
    assert [row["sent"] for row in rows(dripping)] == [True, True, False, False]


def test_a_server_that_is_away_is_named_at_the_start(dripping: Path) -> None:
    with (dripping / settings.FILE).open("a") as file:
        file.write('ledger = "postgresql://exfilter@127.0.0.1:1/exfilter"\n')
    done = exfilter("proxy", "--config", dripping, "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert "postgresql://exfilter@127.0.0.1:1/exfilter" in done.stderr
    assert "start the server" in done.stderr
