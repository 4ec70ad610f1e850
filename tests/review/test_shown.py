"""What the desk says and draws, without a server: reasons, masks, charts, figures."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from exfilter import settings
from exfilter.ledger import open_ledger, transfers
from exfilter.ledger.choosing import Choice
from exfilter.model import Transfer
from exfilter.quarantine import Quarantine
from exfilter.review import why
from exfilter.review.charts import BASE, HEIGHT, LEFT, WIDTH, chart
from exfilter.review.dashboard import dashboard
from exfilter.review.elsewhere import elsewhere
from exfilter.review.opening import SHOWN, STRETCH, Given, masked
from exfilter.review.picture import of_entry
from exfilter.review.words import said, size
from tests.review import filled

if TYPE_CHECKING:
    from pathlib import Path


def body(data: bytes) -> Transfer:
    return Transfer("proxy", data)


@given(st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=40))
def test_a_masked_body_never_holds_a_word_whole(word: str) -> None:
    shown = masked(body(f"<script>{word}</script>, {word}@mail.example".encode("utf-8", "replace")))
    assert word not in shown
    assert "script" not in shown


@given(st.binary(max_size=500))
def test_whatever_a_body_holds_it_is_shown_as_lines_of_printable_text(data: bytes) -> None:
    shown = masked(body(data))
    assert all(char.isprintable() for char in shown.replace("\n", ""))


def test_a_word_of_a_megabyte_is_masked_in_stretches() -> None:
    """Masked as one word it took the square of its length."""
    assert masked(body(b"a" * 1_000_000)) == "a•••" * (SHOWN // STRETCH + 1)


def test_what_a_reviewer_gives_is_in_no_repr() -> None:
    assert repr(Given("why", "a passphrase", b"a key")) == "Given(…)"


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_bars_stay_within_the_picture_and_grow_with_their_values(values: list[int]) -> None:
    drawn = chart("x", "y", [(f"2026-01-{number:02}", value) for number, value in enumerate(values)])
    assert drawn.total == sum(values)
    for bar in drawn.bars:
        assert LEFT <= bar.x <= bar.x + bar.width <= WIDTH + 0.2
        assert 0 <= bar.y <= HEIGHT - BASE
        assert abs(bar.y + bar.height - (HEIGHT - BASE)) < 0.2
    by_value = sorted(drawn.bars, key=lambda bar: bar.value)
    assert [bar.height for bar in by_value] == sorted(bar.height for bar in drawn.bars)


def test_a_note_keeps_its_lines_and_nothing_that_moves_the_cursor() -> None:
    assert said("a\r\nb\x1b[2J\u202ec") == "a\nb\\x1b[2J\\u202ec"


def test_sizes_have_three_digits() -> None:
    assert [size(each) for each in (0, 999, 1000, 25_000_000, 10**12)] == [
        "0 bytes", "999 bytes", "1 kB", "25 MB", "1,000.0 GB",
    ]  # fmt: skip


def test_figures_picture_and_others_are_those_of_what_happened(tmp_path: Path) -> None:
    folder = filled.template(tmp_path)
    held = filled.happened(folder)
    given_ = settings.load(folder)
    with Quarantine.open(given_.quarantine) as quarantine, closing(open_ledger(given_)) as ledger:
        found = dashboard(quarantine, ledger, 7)
        rows = transfers.listed(ledger, Choice(), 100, sent=True)
        assert sum(day.sent for day in found.days) == len(rows) == 3
        assert sum(day.sent_customers for day in found.days) == sum(row.customers for row in rows) == 60
        assert [(day.held, day.held_customers) for day in found.days if day.held] == [(1, 200)]
        assert [(each.name, each.customers) for each in found.senders] == [("anna", 50), ("boris", 10)]
        entry = quarantine.show(held)
        assert of_entry(ledger, entry).actor == "<b>cora</b>"
        anna = replace(entry, id="t-else", actor="anna")
        windows = [(each.days, each.sent) for each in of_entry(ledger, anna).windows]
        assert windows[1:] == [(7, 40), (30, 40)]
        assert sum(count for _, count in of_entry(ledger, anna).days) == 50
        seen = elsewhere(ledger, held)
        actors = [(each.name, each.customers) for each in seen.others if each.kind == "actor"]
        assert (seen.customers, actors) == (200, [("anna", 40), ("boris", 10)])
        text = " ".join(why.sentences(entry))
    assert re.search(r"The rule “many” holds it until a reviewer decides: .*200 distinct customers", text)
    assert not [each for each in filled.people() if each.email in text]
