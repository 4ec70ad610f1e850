"""What a trace prints and draws."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exfilter.cli.formats import charts
from exfilter.cli.formats.traces import as_object, write_json, write_tables
from exfilter.cli.formats.tracewords import Names, number, sentence
from exfilter.ledger.holding import Victims
from exfilter.ledger.trace import Trace, trace
from tests.ledger.people import ACTORS, STOLEN
from tests.ledger.test_trace import DAY, A, B, Sent, carried, people, places, victims

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="the extra exfilter[plot] is not installed"
)
LEAK: list[Sent] = [
    (3, 4, 10.0, 2, True, [0]),
    (A, 2, 20.0, 750, True, [0, 1]),
    (A, 2, 40.0, 750, True, [2]),
    (B, 2, 45.0, 750, False, [2]),
]


def names(transfers: int = 4, **actors: str) -> Names:
    called = [f"agent{place}" for place in range(ACTORS)]
    called[A] = actors.get("a", "mallory")
    return Names(
        called, [f"host{place}.example" for place in range(500)], [f"t-{n}" for n in range(transfers)]
    )


def found(*sent: Sent, known: Victims | None = None) -> Trace:
    known = victims(*[math.inf] * 3) if known is None else known
    return trace(carried(*(sent or LEAK)), known, people(), places())


def tables(result: Trace, called: Names | None = None) -> str:
    out = io.StringIO()
    write_tables(result, called or names(), out)
    return out.getvalue()


def test_the_tables_say_first_whom_the_data_names() -> None:
    lines = tables(found(known=replace(victims(*[math.inf] * 3), unknown=2))).splitlines()
    assert lines[0].startswith("mallory is named: sent 3 of 3 victims, ")
    assert "among 10,000 innocent actors one does as well with a chance of 0.00" in lines[0]
    assert lines[1].startswith("3 victims in the index, 2 unknown to it, 0 repeated, 3 sent in time, ")
    text = "\n".join(lines)
    assert "1 transfer with victims never left, and cannot be a source." in text
    assert "held: t-3" in text
    assert re.search(r"further victims? would clear mallory, if mallory sent none of them\.", text)
    assert re.search(r"1 +mallory +3 +100% +68,000 .* 1970-01-21T00:00:00Z +1970-02-10T00:00:00Z", text)


def test_json_has_every_number_and_only_finite_ones() -> None:
    out = io.StringIO()
    write_json(found(), names(), out)
    shown: dict[str, Any] = json.loads(out.getvalue())
    assert (shown["verdict"], shown["why"], shown["suspects"]) == ("named", "clear", ["mallory"])
    assert shown["victims"] == {
        "known": 3, "unknown": 0, "repeated": 0, "sent": 3, "not_in_time": 0, "never_sent": 0, "outside": 0,
    }  # fmt: skip
    assert [row["actor"] for row in shown["actors"]] == ["mallory", "agent3"]
    assert shown["actors"][0]["corrected"] < 0.01
    assert {row["transfer"] for row in shown["transfers"][:2]} == {"t-1", "t-2"}
    assert shown["held"] == ["t-3"]
    assert shown["further"]["settle"] == 0


def test_an_actor_alone_has_no_lead_in_json() -> None:
    assert as_object(found(LEAK[1], LEAK[2]), names())["lead"] is None
    assert "nobody else holds any" in sentence(found(LEAK[1], LEAK[2]), names())


@pytest.mark.parametrize(
    ("sent", "known", "says"),
    [
        (LEAK, 0, "Nobody is named: none of the list is a customer of the index."),
        ([LEAK[3]], 3, "Nobody is named: no transfer carried any of the 3 victims in time."),
        ([LEAK[0]], 3, "Nobody is named: nobody sent more than one of the victims that tell"),
        ([LEAK[1]], 2, "Nobody is named: chance may have done it; mallory is first, and among 10,000"),
        (
            [LEAK[1], LEAK[2], (B, 2, 1.0, STOLEN, True, [0, 1, 2])],
            3,
            "It is one of several: mallory and agent8 sent nearly the same victims",
        ),
        (
            [(A, 2, 1.0, 9, True, [0, 1, 2, 3, 4]), (B, 2, 1.0, 9, True, [5, 6, 7, 8])],
            9,
            "Several are named: mallory and agent8, who sent different victims",
        ),
    ],
)
def test_the_verdict_is_one_plain_sentence(sent: list[Sent], known: int, says: str) -> None:
    if not known:
        sent = [(*each[:5], []) for each in sent]
    assert sentence(found(*sent, known=victims(*[math.inf] * known)), names()).startswith(says)


def test_a_name_with_control_characters_is_escaped() -> None:
    called = names(a="\x1b[31mmal\nlory[/bold]")
    shown = tables(found(), called)
    assert "\x1b" not in shown
    assert r"\x1b[31mmal\nlory[/bold]" in shown


def test_nothing_is_cut_and_the_rest_is_counted() -> None:
    many: list[Sent] = [(actor, 1, 1.0, 3, True, [0]) for actor in range(100, 160)]
    shown = tables(found(*many), names(transfers=60))
    assert "40 more actors hold victims; the JSON format lists 100" in shown
    assert "…" not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "below 1e-300"), (0.00292, "0.0029"), (1.0, "1"), (2345.6, "2,346"), (2e60, "2e+60")],
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_chart_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        charts.draw_ranking(found(), names(), tmp_path / "chart.pdf")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(charts, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install 'exfilter\[plot\]'"):
        charts.check(tmp_path / "chart.svg")


@needs_matplotlib
def test_the_ranking_is_drawn_with_escaped_names(tmp_path: Path) -> None:
    called = names(a="$mal$\x1blory 名")
    charts.draw_ranking(found(), called, tmp_path / "a.svg")
    charts.draw_ranking(found(), called, tmp_path / "a.png")
    svg = (tmp_path / "a.svg").read_text("utf-8")
    assert r"$mal$\x1blory 名" in svg
    assert "3 of 3, chance 0.00" in svg
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@needs_matplotlib
def test_the_same_chart_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        charts.draw_ranking(found(), names(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@needs_matplotlib
def test_a_ranking_of_nobody_is_drawn_too(tmp_path: Path) -> None:
    charts.draw_ranking(found(LEAK[3]), names(), tmp_path / "none.svg")
    assert "nobody" in (tmp_path / "none.svg").read_text("utf-8")


@needs_matplotlib
@pytest.mark.parametrize("days", [0, 1, 90])
def test_an_actors_customers_are_drawn_over_time(days: int, tmp_path: Path) -> None:
    new = np.full(days, 756)
    peers = 9.0 * np.arange(1.0, days + 1) if days else None
    growth = charts.Growth(1.56e9 + np.arange(days, dtype=np.float64) * DAY, np.cumsum(new), new, peers)
    charts.draw_growth(growth, "mallory", tmp_path / "growth.svg")
    svg = (tmp_path / "growth.svg").read_text("utf-8")
    assert "Customers sent by mallory" in svg
    assert ("median of the peers" in svg) == (days > 0)
