"""The affected customers of transfers that went through the whole pipeline, on the command line."""

from __future__ import annotations

import csv
import io
import json
import stat
import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exfilter import cli, settings
from exfilter.cli.init import make
from exfilter.door.clerk import Clerk
from exfilter.index import canaries, keys
from exfilter.index.store import Index
from exfilter.journal import Journal
from exfilter.ledger import open_ledger
from exfilter.model import Transfer, never
from exfilter.quarantine import Quarantine
from exfilter.scanner import Scanner
from exfilter.who.pseudonyms import Pseudonyms
from fixtures.customers import Customer, customers, write_csv

PEOPLE = 1000
TODAY = 1_790_000_000.0
SETTINGS = "pseudonyms = true\n"
POLICY = '[[rules]]\nname = "many"\ncustomers = 100\naction = "quarantine"\n'


@dataclass(frozen=True)
class Shell:
    """A configuration folder with an index, and the command line on it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Run ``exfilter``: exit code, stdout, stderr."""
        self.monkeypatch.setattr(sys, "argv", ["exfilter", *words, "--config", str(self.folder)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self.capfd.readouterr()
        return int(left.value.code or 0), out, err

    def lines(self, *words: str) -> list[dict[str, object]]:
        code, out, err = self("exposure", "--format", "jsonl", *words)
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def people() -> list[Customer]:
    return list(customers(PEOPLE))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "house", monkeypatch, capfd)
    make(made.folder)
    (made.folder / settings.FILE).write_text(SETTINGS)
    (made.folder / "policy.toml").write_text(POLICY)
    write_csv(tmp_path / "customers.csv", PEOPLE)
    assert made("index", "build", str(tmp_path / "customers.csv"))[0] == 0
    return made


def send(folder: Path, some: list[Customer], actor: str, when: float, where: str = "mail.example") -> str:
    """Have a door judge a mail about some customers: the id of what is held."""
    body = "\n".join(f"{each.name}, {each.email}" for each in some).encode()
    transfer = Transfer(
        "proxy", body, actor=actor, destination=where, method="POST", url=f"https://{where}/", time=when,
        headers=(("content-type", "text/plain"),),
    )  # fmt: skip
    given = settings.load(folder)
    with (
        Quarantine.open(given.quarantine, given.reviewers) as quarantine,
        closing(open_ledger(given)) as ledger,
    ):
        journal = Journal(given.decisions, Pseudonyms(given.pseudonym_key))
        clerk = Clerk(Scanner(given), quarantine, journal, ledger)
        outcome = clerk.judge(transfer, never, time.monotonic())
    assert outcome.recorded
    return outcome.transfer_id


@pytest.fixture
def sent(shell: Shell, people: list[Customer]) -> list[Customer]:
    """Anna sends forty on two days, Boris ten of them; 200 of Cora are held."""
    some = [each for each in people if each.email]
    send(shell.folder, some[:30], "anna", TODAY - 86_400)
    send(shell.folder, some[20:40], "anna", TODAY, "files.example")
    send(shell.folder, some[:10], "boris", TODAY)
    assert send(shell.folder, some[:200], "cora", TODAY)
    return some


def ids(some: list[Customer]) -> set[str]:
    return {each.customer_id for each in some}


def test_the_list_says_who_when_where_and_with_what(shell: Shell, sent: list[Customer]) -> None:
    found = {str(each["customer_id"]): each for each in shell.lines("--actor", "anna")}
    assert found.keys() == ids(sent[:40])
    both = found[sent[25].customer_id]
    assert (both["transfers"], both["destinations"]) == (2, ["files.example", "mail.example"])
    assert (both["first"], both["last"]) == ("2026-09-20T14:13:20+00:00", "2026-09-21T14:13:20+00:00")
    assert (both["certainty"], both["state"], both["fields"]) == ("identified", "sent", ["email", "name"])
    assert all(found[each.customer_id]["country"] == each.country for each in sent[:40] if each.country)


def test_what_was_held_is_listed_apart_and_only_when_asked_for(shell: Shell, sent: list[Customer]) -> None:
    assert {str(each["customer_id"]) for each in shell.lines()} == ids(sent[:40])
    found = {str(each["customer_id"]): each["state"] for each in shell.lines("--held")}
    assert {who for who, state in found.items() if state == "held"} == ids(sent[40:200])
    code, _, err = shell("exposure", "--actor", "cora")
    assert (code, err) == (0, "nothing of it was sent; --held lists the customers of 1 held transfer\n")


def test_by_transfer_and_by_day(shell: Shell, sent: list[Customer]) -> None:
    rows = json.loads(shell("ledger", "list", "--format", "json")[1])
    assert [(row["actor"][:2], row["fate"], row["customers"]) for row in rows] == [
        ("p-", "held", 200), ("p-", "sent", 10), ("p-", "sent", 20), ("p-", "sent", 30),
    ]  # fmt: skip
    for name in (str(rows[0]["number"]), rows[0]["transfer_id"]):
        assert len(shell.lines("--transfer", name, "--held")) == 200
    assert len(shell.lines("--since", "2026-09-21")) == 30
    assert len(shell.lines("--until", "2026-09-20")) == 30
    code, out, _ = shell("ledger", "show", rows[0]["transfer_id"])
    assert (code, "quarantine   " + rows[0]["transfer_id"] in out) == (0, True)
    assert not any(each.email in out for each in sent)


def test_table_csv_and_parquet_say_the_same(shell: Shell, sent: list[Customer], tmp_path: Path) -> None:
    code, out, _ = shell("exposure")
    assert code == 0
    assert "40 customers identified, in 3 transfers, sent" in out
    code, out, _ = shell("exposure", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["customer_id"] for row in rows} == ids(sent[:40])
    pq = pytest.importorskip("pyarrow.parquet")
    assert shell("exposure", "--format", "parquet", "--out", str(tmp_path / "x.parquet"))[0] == 0
    table = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row["customer_id"] for row in table] == [row["customer_id"] for row in rows]
    assert table[0]["destinations"] == rows[0]["destinations"].split("; ")


def test_the_report_is_a_page_of_counts(shell: Shell, sent: list[Customer], tmp_path: Path) -> None:
    out = tmp_path / "notice.html"
    words = (
        "exposure",
        "--format",
        "html",
        "--out",
        str(out),
        "--held",
        "--who-else",
        "--until",
        "2026-12-31",
    )
    assert shell(*words)[0] == 0
    page = out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "40 customers identified, in 3 transfers" in page
    assert "160 customers identified, in 1 transfer" in page
    assert "files.example" in page
    assert not any(word in page for word in ("<script", "http:", "https:", "<img", "<link"))
    assert not any(each.customer_id in page or (each.email in page) for each in sent)
    code, _, err = shell(*words)
    assert (code, "exists and is not overwritten" in err) == (2, True)
    assert out.read_text() == page


def test_a_file_is_asked_for_where_there_must_be_one(shell: Shell) -> None:
    for output in ("parquet", "html"):
        code, _, err = shell("exposure", "--format", output)
        assert (code, "--out FILE" in err) == (2, True)


def test_without_the_extra_parquet_says_which(shell: Shell, tmp_path: Path) -> None:
    shell.monkeypatch.setattr("exfilter.cli.formats.rows.find_spec", lambda _: None)
    code, _, err = shell("exposure", "--format", "parquet", "--out", str(tmp_path / "x"))
    assert (code, "pip install 'exfilter[index]'" in err) == (2, True)


@pytest.mark.usefixtures("sent")
def test_who_else_had_them(shell: Shell) -> None:
    others = shell.lines("--actor", "anna", "--who-else")
    assert [(each["kind"], each["customers"], each["first"]) for each in others] == [
        ("actor", 10, "2026-09-21")
    ]
    called = Pseudonyms(settings.load(shell.folder).pseudonym_key)
    assert others[0]["name"] == called("boris")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--transfer", "777"), "no such transfer: see `exfilter ledger list`"),
        (("--transfer", "t-unknown", "--held"), "no such transfer: see `exfilter ledger list`"),
        (("--transfer", "1", "--viewed"), "leave out --viewed"),
        (("--since", "2026-09-22", "--until", "2026-09-21"), "give the earlier one first"),
        (("--who-else",), "with --actor, --destination, --transfer, --since or --until"),
    ],
)
@pytest.mark.usefixtures("sent")
def test_what_cannot_be_meant_is_an_error_and_not_a_list_of_nobody(
    shell: Shell, words: tuple[str, ...], reason: str
) -> None:
    code, out, err = shell("exposure", *words)
    assert (code, out) == (2, "")
    assert reason in " ".join(err.split())


@pytest.mark.usefixtures("sent")
def test_every_list_is_recorded_without_a_customer(shell: Shell) -> None:
    shell("exposure", "--actor", "anna", "--reason", "notice 7")
    (act,) = json.loads(shell("audit", "list", "--act", "list customers", "--format", "json")[1])
    called = Pseudonyms(settings.load(shell.folder).pseudonym_key)
    assert act["subject"] == f"actor {called('anna')}; 40 customers as table"
    assert (act["act"], act["reason"]) == ("list customers", "notice 7")


@pytest.mark.usefixtures("sent")
class TestCases:
    def test_a_reviewer_is_told_the_name(self, shell: Shell) -> None:
        pseudonym = str(shell.lines("--actor", "anna", "--who-else")[0]["name"])
        code, out, err = shell("case", "open", pseudonym, "--reason", "case 12", "--reviewer", "olga")
        assert (code, out, err) == (0, "boris\n", "")
        code, out, _ = shell("case", "list")
        assert (code, all(word in out for word in (pseudonym, "case 12", "olga"))) == (0, True)
        assert "boris" not in out

    def test_without_the_key_of_pseudonyms_too_and_none_is_made(self, shell: Shell) -> None:
        pseudonym = str(shell.lines("--actor", "anna", "--who-else")[0]["name"])
        (shell.folder / "pseudonym.key").unlink()
        assert shell("case", "open", pseudonym, "--reason", "x")[1] == "boris\n"
        assert not (shell.folder / "pseudonym.key").exists()

    def test_nobody_else_is(self, shell: Shell) -> None:
        pseudonym = str(shell.lines("--actor", "anna", "--who-else")[0]["name"])
        (shell.folder / "reviewer.key").unlink()
        assert shell("case", "open", pseudonym, "--reason", "x")[0] == 2
        assert "x" not in shell("case", "list")[1].split("Reason")[1]
        assert b"boris" not in (shell.folder / "ledger.sqlite").read_bytes()

    def test_a_row_in_another_ones_place_does_not_name_him(self, shell: Shell) -> None:
        with (
            closing(open_ledger(settings.load(shell.folder))) as ledger,
            ledger.database.transaction(writes=True) as connection,
        ):
            name = "(SELECT name FROM people ORDER BY pseudonym LIMIT 1)"
            connection.exec_driver_sql(f"UPDATE people SET name = {name}")
            last = connection.exec_driver_sql("SELECT max(pseudonym) FROM people").scalar_one()
        code, out, err = shell("case", "open", last, "--reason", "x")
        assert (code, out, "altered" in err) == (2, "", True)


class TestErasure:
    def test_a_customer_is_erased_from_index_and_ledger(self, shell: Shell, sent: list[Customer]) -> None:
        gone = sent[5].customer_id
        code, out, err = shell("ledger", "erase", gone, "--reason", "request 4", "--who", "olga")
        assert (code, err) == (0, "")
        assert "1 customer erased from the index, and from 3 transfers" in out
        assert {str(each["customer_id"]) for each in shell.lines()} == ids(sent[:40]) - {gone}
        assert "is whole: 999 customers" in shell("index", "verify")[1]
        acts = json.loads(shell("audit", "list", "--format", "json")[1])
        assert [act["act"] for act in acts] == ["list customers", "erase", "hold"]
        assert gone not in json.dumps(acts)

    def test_who_was_never_there_is_said_and_nothing_done(self, shell: Shell, sent: list[Customer]) -> None:
        code, _, err = shell("ledger", "erase", sent[0].customer_id, "C-none", "--reason", "x")
        assert (code, "given as number 1: nothing was done" in err) == (2, True)
        assert len(shell.lines()) == 40

    def test_twice_is_once(self, shell: Shell, sent: list[Customer]) -> None:
        for _ in range(2):
            assert shell("ledger", "erase", sent[0].customer_id, "--reason", "x")[0] == 0


def test_canaries_are_nobody(shell: Shell, people: list[Customer]) -> None:
    send(shell.folder, people[:20], "anna", TODAY)
    index = Index.open(settings.load(shell.folder).index, keys.load(shell.folder / "index.key"))
    listed = len(shell.lines())
    planted = replace(index, planted=canaries.planted({0: "sales", 3: "support"}))
    shell.monkeypatch.setattr(Index, "open", lambda *_: planted)
    assert len(shell.lines()) == listed - 2


def test_tidying_removes_what_is_old_and_says_what_rules_see(shell: Shell, people: list[Customer]) -> None:
    with (shell.folder / settings.FILE).open("a") as file:
        file.write("retention_days = 7\n")
    send(shell.folder, people[:20], "anna", 1_000_000_000.0)
    code, out, err = shell("ledger", "tidy")
    assert (code, "1 transfer and 2 names removed" in out) == (0, True)
    assert "rules see that many days only" in err


def test_it_works_where_nothing_was_sent(shell: Shell) -> None:
    for words in (("exposure",), ("exposure", "--format", "csv"), ("ledger", "list"), ("audit", "list")):
        assert shell(*words)[0] == 0
    assert shell("ledger", "show", "7")[0] == 2
    assert shell("exposure", "--since", "yesterday")[0] == 2
