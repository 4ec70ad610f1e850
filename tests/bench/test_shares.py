"""The tables of shares: every way has a result for each file, and a petabyte is arithmetic."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.corpora import Corpora
from bench.lab import Lab
from bench.petabyte import DAY, PETABYTE, Assumed, Measured, project
from bench.results import Figure, Table, publish, setting
from bench.shared import Sizes, make
from bench.tables import driver, petabyte, shares
from bench.tables.shares import CLUSTER, READ, RUN, SCAN

pytest.importorskip("distributed")
pytest.importorskip("moto")
for lists in ("faker", "names"):
    pytest.importorskip(lists, reason="the generator's lists of names come with requirements-bench.lock")

CUSTOMERS = 2_000
SMALL = Sizes(small=120, documents=0, large=0, stored=20)
FIGURES = Measured(0.002, 0.2, 0.02, 0.0002, 0.0001, 50_000, 900)
costs = st.floats(1e-6, 10)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Return a laboratory with little text of its own."""
    folder = tmp_path_factory.mktemp("bench")
    made = Lab(CUSTOMERS, folder / "data", 1, folder / "out")
    made.corpora = Corpora(folder, {})
    made.corpora.ordinary.write_text("It is a line of text, as there are many in ordinary files.\n" * 2_000)
    return made


def test_the_shares_hold_what_was_asked_for_and_are_made_once(lab: Lab) -> None:
    sizes = Sizes(small=120, documents=8, lines=40, large=1, bytes=2_000_000)
    made = make(lab, sizes)
    assert [(each.name, each.files) for each in made] == [
        ("nothing", 1), ("small files", 120), ("documents", 8), ("large text", 1),
    ]  # fmt: skip
    assert made[1].bytes == 120 * 4096
    assert made[3].bytes == sizes.bytes
    assert make(lab, sizes) == made


def test_all_ways_scan_all_files(lab: Lab) -> None:
    found = shares.measure(lab, SMALL, turns=1)
    ways = [(row[0], row[3], row[4]) for row in found.rows]
    here = [("small files", way, workers) for way in (SCAN, RUN, CLUSTER) for workers in (1, 2)]
    assert ways == here + [
        ("small files, S3", way, workers) for way, workers in ((READ, 1), (RUN, 2), (CLUSTER, 2))
    ]
    assert [row[1] for row in found.rows] == [120] * 6 + [20] * 3
    memory = {name: found.columns.index(name) for name in ("PSS MB: driver", "workers together")}
    assert all(row[at] for row in found.rows for at in memory.values() if row[3] != READ)


def test_a_driver_lists_and_settles(lab: Lab) -> None:
    (row,) = driver.measure(lab, (1_200,)).rows
    assert row[0] == 1_200
    assert all(isinstance(figure, int | float) and figure > 0 for figure in row)


def test_the_petabyte_is_made_of_the_written_figures(tmp_path: Path) -> None:
    lab = Lab(CUSTOMERS, tmp_path / "data", 1, tmp_path / "out")
    with pytest.raises(ValueError, match="nothing was measured yet"):
        petabyte.measure(lab)
    out, where = Console(file=io.StringIO()), setting(CUSTOMERS)
    figures: dict[str, Figure] = {
        "its workers": 2.0,
        "CPU ms a file: driver": 0.2,
        "scheduler": 0.1,
        "of them": 100,
        "workers": 2,
    }
    rows: list[tuple[Figure, ...]] = [
        tuple(
            {**figures, "files": files, "MB": size, "way": CLUSTER}.get(column) for column in shares.COLUMNS
        )
        for files, size in (("small files", 0.4), ("documents", 1.0), ("large text", 10.0))
    ]
    publish(Table("shares", "", shares.COLUMNS, tuple(rows)), where, lab.out, out)
    publish(
        Table("driver", "", driver.COLUMNS, ((1, 50_000.0, 1.0, 1.0, 900.0, 1.0, 1.0),)), where, lab.out, out
    )
    found = petabyte.measure(lab)
    row = dict(zip(petabyte.COLUMNS, found.rows[1], strict=True))
    by_hand = project(1_000_000, FIGURES, Assumed())
    assert row["CPU of workers, core days"] == pytest.approx(by_hand.work / DAY)
    assert row["the driver's days"] == pytest.approx(by_hand.days["driver"])
    assert "0.05 a core and hour" in " ".join(found.notes)


def test_a_petabyte_by_hand() -> None:
    found = project(1_000_000, FIGURES, Assumed(documents=0.5, cores=100))
    opening = 0.002 - 0.02 * 0.004096
    assert found.files == 1e9
    assert found.work == pytest.approx(1e9 * opening + 1e9 * 0.11)
    assert found.days["driver"] == pytest.approx(1e9 * 0.00022 / DAY)
    assert found.slowest == "workers"
    assert found.gets == 1e9
    assert found.requests == pytest.approx(400 + 5)
    assert found.gigabits == pytest.approx(PETABYTE * 8 / (found.work / 100) / 1e9)


@given(st.integers(10_000, 10**9), costs, costs, costs, st.integers(1, 10_000))
def test_more_cores_never_take_longer_and_the_slowest_says_how_long(
    mean: int, small: float, text: float, alone: float, cores: int
) -> None:
    measured = Measured(small, text, text, alone, 1e-5, 10_000, 900)
    few, many = (project(mean, measured, Assumed(cores=count)) for count in (cores, cores + 1))
    assert many.days["workers"] <= few.days["workers"]
    assert many.work == few.work
    assert few.days[few.slowest] == max(few.days.values())
