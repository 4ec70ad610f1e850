"""Figures: measured in turn, printed, and written with what they were measured on."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from bench import measure, report
from bench.results import Setting, Table, publish, shown

TABLE = Table(
    "leak",
    "A | table",
    ("engine", "MB/s", "target"),
    (("ours", 1234.5, "65"), ("a|b", None, "")),
    ("a note",),
)
SETTING = Setting(1_000_000, "2026-01-01", "a processor", 2, 2**30, "Linux", {"Python": "3.13"})


@pytest.mark.parametrize(
    ("figure", "text"),
    [(None, "–"), (1234.5, "1,234"), (12.34, "12.3"), (0.623, "0.62"), (68000, "68,000"), ("60 s", "60 s")],
)
def test_figures_are_written_with_the_digits_that_count(figure: str | float | None, text: str) -> None:
    assert shown(figure) == text


def test_a_table_is_printed_and_written_with_what_it_was_measured_on(tmp_path: Path) -> None:
    out = io.StringIO()
    publish(TABLE, SETTING, tmp_path, Console(file=out, width=100))
    assert "1,234" in out.getvalue()
    written = json.loads((tmp_path / "leak.json").read_text())
    assert written["setting"]["cpu"] == "a processor"
    assert written["rows"][0] == ["ours", 1234.5, "65"]


def test_the_report_is_made_of_the_written_figures_and_can_be_made_again(tmp_path: Path) -> None:
    publish(TABLE, SETTING, tmp_path, Console(file=io.StringIO()))
    tables = report.markdown(tmp_path)
    assert "| ours | 1,234 | 65 |" in tables
    assert r"| a\|b | – |" in tables
    assert "1,000,000 customers; a processor" in tables
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.put(page, tables)
    assert "old" not in once
    assert once.endswith("after\n")
    assert report.put(once, tables) == once


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for results"):
        report.put("a page", "tables")


def test_the_benchmarks_own_page_has_a_place_for_the_results() -> None:
    page = Path(report.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert "a row of its own" not in page
    assert "a row of its own" in report.put(page, "a row of its own")


def test_variants_take_turns_and_each_is_repeated() -> None:
    order: list[str] = []

    def run(name: str) -> int:
        order.append(name)
        return 7

    variants = {name: partial(run, name) for name in "ab"}
    times = measure.interleaved(variants, 2)
    assert "".join(order) == "ab" + "ab" + "ba"
    assert [len(found.cpu) for found in times.values()] == [2, 2]
    assert times["a"].result == 7


def test_a_commands_usage_includes_the_processes_that_it_leaves_behind() -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    leave = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    used = measure.command([sys.executable, "-c", leave])
    assert used.user + used.system >= 0.5


def test_a_command_that_fails_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        measure.command([sys.executable, "-c", "raise SystemExit(3)"])


def test_an_unknown_table_is_named() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "nonsense"],
        cwd=Path(report.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "there is no table nonsense" in ran.stderr
