"""Lists of held transfers: filtered and paged by the database, however many there are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exfilter.database import Database
from exfilter.model import Shown
from exfilter.quarantine import Choice, Quarantine, State
from exfilter.quarantine.choosing import ids_after
from exfilter.quarantine.entries import utc
from exfilter.quarantine.tables import SCHEMA, STEPS, metadata
from tests.quarantine.filling import fill
from tests.test_quarantine import NOW, upload, verdict


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full") / "quarantine"
    Quarantine.open(folder).close()
    fill(folder / "quarantine.sqlite", 3_000)
    return folder


def walked(quarantine: Quarantine, choice: Choice, most: int) -> list[str]:
    after, found = "", list[str]()
    while True:
        page = quarantine.page(choice, after, most)
        found += [entry.id for entry in page.entries]
        after = page.next
        if not after:
            return found


CHOICES = st.builds(
    Choice,
    state=st.sampled_from([None, *State]),
    actor=st.sampled_from(["", "actor7@corp.example", "ACTOR1*", "*", "nobody", "%"]),
    destination=st.sampled_from(["", "host7.example", "*.example"]),
    rule=st.sampled_from(["", "canary", "*a*"]),
    since=st.sampled_from(["", utc(NOW - 60_000)]),
    until=st.sampled_from(["", utc(NOW - 6_000)]),
)


def is_meant(choice: Choice, row: sqlite3.Row) -> bool:
    """Return what the filter should: slow and obvious."""
    texts = all(
        not getattr(choice, name) or fnmatchcase(row[name].lower(), getattr(choice, name).lower())
        for name in ("actor", "destination", "rule")
    )
    in_time = (not choice.since or row["time"] >= choice.since) and (
        not choice.until or row["time"] < choice.until
    )
    return texts and in_time and choice.state in {None, row["state"]}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=CHOICES, most=st.integers(7, 1200))
def test_the_pages_together_are_what_was_asked_for_newest_first(
    full: Path, choice: Choice, most: int
) -> None:
    with closing(sqlite3.connect(full / "quarantine.sqlite")) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM transfers ORDER BY time DESC, id DESC").fetchall()
    expected = [row for row in rows if is_meant(choice, row)]
    with Quarantine.open(full) as quarantine:
        assert walked(quarantine, choice, most) == [row["id"] for row in expected]
        everything = [row for row in rows if is_meant(replace(choice, state=None), row)]
        assert quarantine.counts(choice) == {
            state: sum(row["state"] == state for row in everything) for state in State
        }


@pytest.mark.parametrize("after", ["", "t-0000000000000009"])
@pytest.mark.parametrize(
    "choice",
    [
        Choice(),
        Choice(State.HELD),
        Choice(State.DENIED, actor="actor7@corp.example"),
        Choice(destination="*.example", rule="canary", since=utc(NOW - 600)),
    ],
)
def test_no_wide_row_is_read_and_nothing_sorted_to_find_a_page(
    full: Path, choice: Choice, after: str
) -> None:
    database = Database(full / "quarantine.sqlite", metadata, SCHEMA, steps=STEPS)
    with closing(database), database.transaction() as connection:
        wanted = ids_after(connection, choice, after).limit(50)
        text = wanted.compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert len(plan) == 1
    assert "USING COVERING INDEX queue_by_" in plan[0]


def test_a_page_after_what_is_not_there_is_refused(full: Path) -> None:
    with Quarantine.open(full) as quarantine, pytest.raises(ValueError, match="first page"):
        quarantine.page(Choice(), "t-else")


def test_of_one_moment_none_is_left_out_or_comes_twice(quarantine: Quarantine) -> None:
    held = {quarantine.hold(upload(bytes([number])), verdict()) for number in range(7)}
    found = walked(quarantine, Choice(), 2)
    assert len(found) == 7
    assert set(found) == held


def test_what_comes_meanwhile_moves_no_page(quarantine: Quarantine) -> None:
    held = [quarantine.hold(upload(bytes([each]), time=NOW + each), verdict()) for each in range(4)]
    first = quarantine.page(Choice(), most=2)
    quarantine.hold(upload(b"later", time=NOW + 99), verdict())
    second = quarantine.page(Choice(), first.next, most=2)
    assert [each.id for each in (*first.entries, *second.entries)] == held[::-1]


def test_a_percent_sign_is_no_wildcard(quarantine: Quarantine) -> None:
    held = quarantine.hold(upload(b"1"), verdict(shown=Shown("50%_!", "a.example", "POST")))
    quarantine.hold(upload(b"2"), verdict(shown=Shown("50 anna", "a.example", "POST")))
    for text, expected in (("50%_!", [held]), ("50%*", [held]), ("%", []), ("50_anna", [])):
        assert walked(quarantine, Choice(actor=text), 5) == expected


def test_figures_are_those_of_the_entries(full: Path) -> None:
    since = utc(NOW - 60_000)
    with Quarantine.open(full) as quarantine:
        found = quarantine.figures(since, most=3)
        entries = [entry for entry in quarantine.entries() if entry.time >= since]
    assert sum(day.transfers for day in found.days) == len(entries)
    assert sum(day.customers for day in found.days) == sum(entry.customers for entry in entries)
    by_actor = dict.fromkeys((entry.actor for entry in entries), 0)
    for entry in entries:
        by_actor[entry.actor] += entry.customers
    assert [share.customers for share in found.actors] == sorted(by_actor.values(), reverse=True)[:3]
    (unread,) = found.unread
    assert (unread.reason, unread.transfers, unread.bytes) == ("malformed", len(entries), 9 * len(entries))
