"""The laws of the canonical forms: idempotent, blind to spelling, local."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import emails, folding, lead, names, phones, terms, tickets
from exfilter import kernel
from tests.tables import build

MIXED = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    "aÀß\u0301\u200b\uff11éœŁ\u05d0\u5f20\uac00 ", max_size=40
)


@given(MIXED)
def test_fold_is_idempotent(text: str) -> None:
    assert folding.fold(folding.fold(text)) == folding.fold(text)


@given(MIXED, MIXED)
def test_fold_is_local(one: str, other: str) -> None:
    assert folding.fold(one) + folding.fold(other) == folding.fold(one + other)


@given(MIXED)
def test_fold_is_blind_to_case(text: str) -> None:
    assert folding.fold(text.upper()) == folding.fold(text.upper().lower().upper())


@given(MIXED, st.integers(1, 2000))
def test_offsets_lead_back_to_the_source(text: str, times: int) -> None:
    long = text * times
    folded, sources = folding.fold_with_offsets(long)
    assert folded == folding.fold(long)
    if sources is not None:
        assert len(sources) == len(folded) + 1
        assert bool((np.diff(sources) >= 0).all())
        assert all(
            folding.fold(long[source]).find(c) >= 0
            for c, source in zip(folded[:50], sources[:50], strict=False)
        )


ADDRESSES = st.from_regex(r"[A-Za-z0-9._+'-]{1,20}@[a-zé][a-z0-9é-]{0,8}(\.[a-z]{2,5}){1,2}", fullmatch=True)


@given(ADDRESSES)
def test_an_address_is_canonical_once(address: str) -> None:
    form = emails.canonical(address)
    assert form is None or emails.canonical(form.decode()) == form


@given(ADDRESSES)
def test_an_address_is_blind_to_case_and_tag(address: str) -> None:
    local, _, domain = address.partition("@")
    tagged = f"{local.partition('+')[0]}+news@{domain}".swapcase()
    assert emails.canonical(tagged) == emails.canonical(address)


@given(st.integers(201, 989), st.integers(0, 9999))
def test_a_number_is_blind_to_its_spelling(area: int, line: int) -> None:
    spellings = [
        f"+1 {area} 555 {line:04}",
        f"({area}) 555-{line:04}",
        f"{area}.555.{line:04}",
        f"1{area}555{line:04}",
    ]
    assert len({phones.keys(spelling, "US") for spelling in spellings}) == 1


def test_a_number_without_a_country_is_kept_as_it_is_written() -> None:
    assert [key.canonical for key in phones.keys("030 23125-117", None)] == [b"3023125117"]


@pytest.mark.parametrize("cell", ["", "n/a", "ask Bob", "12", "+999 12", "1" * 40, "\x00", "()"])
def test_what_is_no_number_has_no_key(cell: str) -> None:
    assert phones.keys(cell, "US") == ()


@pytest.mark.parametrize("cell", ["", "@", "a@", "@b.c", "a b@c.example", "a@b", "a@b@c.example", "none"])
def test_what_is_no_address_has_no_key(cell: str) -> None:
    assert emails.keys(cell) == ()


@pytest.mark.parametrize(
    ("full", "ends"),
    [
        ("Dr. Anna B. Smith Jr.", ("anna", "smith")),
        ("Don Smith", ("don", "smith")),
        ("Smith, John", ("john", "smith")),
        ("John Smith, Jr.", ("john", "smith")),
        ("Ana Sofia de la Cruz", ("ana", "cruz")),
        ("Madonna", ("", "madonna")),
        ("", ("", "")),
        ("...", ("", "")),
    ],
)
def test_a_name_has_two_ends(full: str, ends: tuple[str, str]) -> None:
    assert names.ends(*names.split(full)) == ends


@given(st.text(max_size=30), st.text(max_size=30))
def test_names_never_fail(given_name: str, family: str) -> None:
    for key in names.keys(given_name, family):
        assert key.canonical


@pytest.mark.parametrize("digits", [True, False])
def test_a_run_of_a_page_has_a_space(digits: bool) -> None:  # noqa: FBT001
    """The power of its length was no float."""
    assert 1e150 <= tickets.Run("", 30_000, digits).space < float("inf")


def test_a_ticket_of_a_page_has_a_shape() -> None:
    (template,) = tickets.learn(["1" * 30_000])
    assert template.space >= 1e150
    assert tickets.keys("2" * 30_000, [template])


def test_ticket_shapes_are_learnt() -> None:
    cells = [f"TM-{number}" for number in range(10_000_000, 10_000_030)] + ["1-234567890", " tm 12345678 "]
    assert [template.shape for template in tickets.learn(cells)] == ["TM-99999999", "9-999999999"]


def test_a_constant_first_digit_is_a_prefix() -> None:
    assert [t.shape for t in tickets.learn(f"1-{number}" for number in range(234567000, 234567050))] == [
        "1-999999999"
    ]


def test_random_identifiers_share_one_shape() -> None:
    cells = [f"{number * 2654435761 % 2**32:08x}" for number in range(500)]
    learnt = tickets.learn(cells)
    assert len(learnt) <= tickets.MAX_TEMPLATES
    assert all(tickets.keys(cell, learnt) for cell in cells)


@pytest.mark.parametrize("lengths", [(8, 4, 4, 4, 12), (4, 4, 4), (7,)])
def test_random_identifiers_are_found_as_the_table_writes_them(lengths: tuple[int, ...]) -> None:
    rng = random.Random(1)
    cells = ["-".join(f"{rng.getrandbits(64):016x}"[:length] for length in lengths) for _ in range(300)]
    tables, _ = build({"ticket": cell} for cell in cells)
    for text in ("\n".join(cells), "\n".join(cells).upper().replace("-", "")):
        assert len(set(kernel.find(text, tables).posting.tolist())) >= len(cells) - 1


@given(st.lists(st.text("aZ09- #/", max_size=12), max_size=30))
def test_every_learnt_ticket_has_keys_and_they_are_stable(cells: list[str]) -> None:
    learnt = tickets.learn(cells)
    for cell in cells:
        keys = tickets.keys(cell, learnt)
        assert keys == tickets.keys(cell.upper(), learnt)


@given(st.binary(max_size=20))
def test_a_lead_is_below_a_thousand(canonical: bytes) -> None:
    assert 0 <= lead(canonical) < 1000


@pytest.mark.parametrize("group", terms.SAME)
def test_terms_are_found_in_every_spelling(group: tuple[str, ...]) -> None:
    found = terms.Terms({"secret": [group[0]]})
    assert [found.count(folding.fold(f"a {text}, b"))["secret"] for text in group] == [1] * len(group)


@pytest.mark.parametrize(("term", "text"), terms.LOOKALIKES)
def test_terms_match_at_word_boundaries(term: str, text: str) -> None:
    assert terms.Terms({"secret": [term]}).count(folding.fold(text)) == {}


def test_an_empty_term_is_refused() -> None:
    with pytest.raises(ValueError, match="label 'marks' is empty"):
        terms.Terms({"marks": [" "]})


def test_no_terms_count_nothing() -> None:
    assert terms.Terms({}).count("anything") == {}
