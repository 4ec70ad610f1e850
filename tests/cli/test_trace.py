"""``exfilter trace``, through the command line as it is."""

from __future__ import annotations

import json
import random
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from exfilter import cli, settings
from exfilter.cli.init import make
from exfilter.index import keys
from exfilter.index.build import Options, build
from exfilter.ledger import open_ledger
from exfilter.ledger.declared import groups
from exfilter.ledger.tables import acts
from exfilter.policy import Policy
from tests.ledger.sending import Sent

MANY = 20_000
STOLEN = 1_000
VALUES = ("Ada", "example.com", "TM-")


@dataclass(frozen=True)
class Shell:
    """A configuration folder with an index and the command line on it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, table: str, *words: str) -> tuple[int, str, str]:
        """Run ``exfilter trace`` on a table: exit code, stdout, stderr."""
        file = self.folder / "victims.csv"
        file.write_text(table)
        argv = ["exfilter", "trace", str(file), *words, "--config", str(self.folder)]
        self.monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self.capfd.readouterr()
        return int(left.value.code or 0), out, err

    def json(self, table: str, *words: str) -> dict[str, object]:
        code, out, _ = self(table, *words, "--format", "json")
        assert code == 0
        found: dict[str, object] = json.loads(out)
        return found


def customer(number: int) -> str:
    return f"C-{number:05},Ada Lind{number % 40},a{number}@example.com,TM-{10_000_000 + number}"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose ledger holds sixty agents, and mallory with a thousand customers in 20 days."""
    folder = tmp_path_factory.mktemp("company")
    make(folder)
    table = folder / "customers.csv"
    rows = [customer(number) for number in range(MANY)]
    table.write_text("\n".join(["customer_id,name,email,ticket_id", *rows]))
    given = settings.load(folder)
    build(table, given.index, keys.load(given.index_key), Options())
    dice = random.Random(11)
    with closing(open_ledger(given)) as ledger:
        for agent in range(60):
            for day in range(4):
                who = frozenset(dice.sample(range(STOLEN, MANY), 5))
                Sent(who, day=day, actor=f"agent{agent}").enter(ledger, frozenset())
        for day in range(20):
            who = frozenset(range(day * 50, day * 50 + 50))
            Sent(who, day=day, actor="mallory", destination="drive.example").enter(ledger, frozenset())
    return folder


@pytest.fixture
def shell(company: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    return Shell(company, monkeypatch, capfd)


def test_three_victims_name_who_sent_them(shell: Shell) -> None:
    found = shell.json("customer_id\nC-00003\nC-00403\nC-00990\n")
    assert (found["verdict"], found["suspects"]) == ("named", ["mallory"])
    assert found["destinations"][0]["destination"] == "drive.example"  # type: ignore[index]
    assert [each["victims"] for each in found["transfers"]] == [1, 1, 1]  # type: ignore[attr-defined]


def test_victims_are_found_by_what_the_complaints_say_of_them(shell: Shell) -> None:
    rows = "email,ticket,name\nA3@Example.com,,\n,tm 10000403,\na990@example.com,TM-10000990,Ada Lind30\n"
    found = shell.json(rows)
    assert found["suspects"] == ["mallory"]
    assert found["victims"]["known"] == 3  # type: ignore[index]


def test_who_is_no_customer_is_counted(shell: Shell) -> None:
    found = shell.json("customer_id\nC-00003\nC-00003\nC-00990\nC-77777\n")
    counted = found["victims"]
    assert [counted[name] for name in ("known", "unknown", "repeated")] == [2, 1, 1]  # type: ignore[index]


def test_a_name_alone_is_nobody(shell: Shell) -> None:
    found = shell.json("name,email\nAda Lind3,\nAda Lind5,a3@example.com\n")
    assert [found["victims"][name] for name in ("known", "unknown")] == [1, 1]  # type: ignore[index]


def test_what_was_sent_after_the_first_call_is_no_source(shell: Shell) -> None:
    # Day 0 is 2024-10-04: C-00003 was sent on it, C-00403 on day 8.
    table = "customer_id,First call\nC-00003,2024-10-04\nC-00403,2024-10-11\nC-00990,\n"
    counted = shell.json(table)["victims"]
    assert (counted["sent"], counted["not_in_time"]) == (2, 1)  # type: ignore[index]


def test_a_date_that_cannot_be_read_is_named_by_its_line(shell: Shell) -> None:
    code, out, err = shell("customer_id,date\nC-00003,last week\nC-00403,\n", "--format", "json")
    assert code == 0
    assert "(lines 2)" in err
    assert "last week" not in err + out


def test_dates_bound_the_transfers(shell: Shell) -> None:
    table = "customer_id\nC-00003\nC-00403\nC-00990\n"
    found = shell.json(table, "--since", "2024-10-05", "--until", "2024-10-12")
    assert [each["time"][:10] for each in found["transfers"]] == ["2024-10-12"]  # type: ignore[attr-defined]
    code, _, err = shell(table, "--since", "yesterday")
    assert (code, err.count("--since")) == (2, 1)


def test_who_was_sent_at_another_time_only_is_not_never_sent(shell: Shell) -> None:
    table = "customer_id\nC-00003\nC-00403\nC-00990\n"  # sent on the days 0, 8 and 19
    counted = shell.json(table, "--since", "2024-10-06", "--until", "2024-10-14")["victims"]
    assert [counted[name] for name in ("sent", "outside", "never_sent")] == [1, 2, 0]  # type: ignore[index]
    _, out, _ = shell(table, "--since", "2025-01-01")
    assert "0 never sent, 3 not sent in this time." in out


def test_tables_and_a_chart(shell: Shell, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, out, err = shell("customer_id\nC-00003\nC-00403\nC-00990\n", "--plot", str(tmp_path / "t.svg"))
    assert code == 0
    assert "mallory is named" in out
    assert "no peer groups are known" in err
    assert "mallory" in (tmp_path / "t.svg").read_text()
    code, _, err = shell("customer_id\nC-00003\n", "--plot", str(tmp_path / "t.gif"))
    assert (code, ".svg or .png" in err) == (2, True)


def test_it_is_written_down_and_no_value_is_told(shell: Shell) -> None:
    _, out, err = shell(
        "customer_id,email\nC-00003,a3@example.com\n,a403@example.com\n", "--reviewer", "rita"
    )
    assert not any(value in out + err for value in ("C-0", *VALUES[1:]))
    with closing(open_ledger(settings.load(shell.folder))) as ledger, ledger.database.transaction() as on:
        row = on.execute(sa.select(acts).order_by(acts.c.number.desc())).mappings().first()
    assert row
    assert (row["who"], row["act"], row["subject"]) == ("rita", "trace", "2 victims")


def test_a_table_without_such_columns_says_which_it_needs(shell: Shell) -> None:
    for table in ("reference,city\n1,Rome\n", "name\nAda Lind3\n"):
        code, out, err = shell(table)
        assert (code, out) == (2, "")
        assert "needs a column customer_id, or columns with e-mail addresses" in err


def test_a_column_can_be_named(shell: Shell) -> None:
    table = "reference,seen\nC-00003,2024-10-01\n"
    counted = shell.json(table, "--map", "id=reference", "--map", "date=seen")["victims"]
    assert (counted["known"], counted["not_in_time"]) == (1, 1)  # type: ignore[index]


def test_an_empty_ledger_says_so(shell: Shell, tmp_path: Path) -> None:
    text = (shell.folder / "exfilter.toml").read_text()
    (shell.folder / "exfilter.toml").write_text(f'ledger = "{tmp_path / "new.sqlite"}"\n{text}')
    try:
        code, out, err = shell("customer_id\nC-00003\n")
    finally:
        (shell.folder / "exfilter.toml").write_text(text)
    assert (code, out) == (2, "")
    assert "is empty" in err


def test_peer_groups_are_those_of_the_policy_and_the_file(shell: Shell) -> None:
    file = shell.folder / "groups"
    file.write_text("north: a1 a2 a3 a4 A5\nfew: a1 a2\n")
    given = settings.load(shell.folder).model_copy(update={"groups_file": file})
    policy = Policy(groups={"all": ("a*",), "south": ("a6", "a7", "a8", "a9", "b1")})
    names = [f"a{number}" for number in range(1, 10)] + ["b1", "c1"]
    found = groups(given, policy, lambda name: (name,), names, [set()] * len(names))
    assert found.tolist() == [2] * 5 + [3] * 4 + [3, 0]


def test_pseudonyms_have_the_groups_of_who_is_behind_them(shell: Shell) -> None:
    names = [f"p-{number}" for number in range(5)]
    policy = Policy(groups={"south": tuple(f"a{number}" for number in range(5))})
    given = settings.load(shell.folder)
    found = groups(given, policy, lambda name: (name, name.replace("a", "p-")), names, [set()] * 5)
    assert found.tolist() == [1] * 5
    assert groups(given, Policy(), lambda name: (name,), names, [{"north"}] * 5).tolist() == [1] * 5
