"""Built and updated, merged, or built anew: every key has the same customers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Key, emails, names, phones, tickets
from exfilter.index.keys import CUSTOMER_TAG
from exfilter.index.merge import merge
from exfilter.index.sealed import BLOCK
from exfilter.index.store import Index, version
from exfilter.index.update import Request, update
from exfilter.index.verify import verify
from exfilter.kernel.siphash import siphash24
from tests.index.making import ids, key, make, opened, write

COLUMNS = ("id", "name", "email", "phone", "ticket")
Row = tuple[str, str, str, str]
Step = tuple[Mapping[str, list[Row]], set[str]]
"""Rows of the customers who are added or changed, and who is removed."""

ROW = st.tuples(
    st.sampled_from(["", "Anna Kowalska", "Henry Brown", "Ina Berg", "Zoë Quist", "Li Wu"]),
    st.sampled_from(["", *(f"user{n}@post.example" for n in range(6))]),
    st.sampled_from(["", *(f"+1 212 555 01{n:02}" for n in range(5)), "+49 30 23125117"]),
    st.sampled_from(["", *(f"TM-1234567{n}" for n in range(5)), "INC-77-123", "INC-77-124"]),
)
PERSON = st.sampled_from([f"C-{n}" for n in range(8)])
ROWS = st.lists(ROW, min_size=1, max_size=2)
STEP = st.tuples(st.dictionaries(PERSON, ROWS, max_size=4), st.sets(PERSON, max_size=3)).filter(
    lambda step: bool(step[0])
)


def table(people: Mapping[str, Iterable[Row]]) -> str:
    text = io.StringIO()
    rows = [(person, *row) for person, some in people.items() for row in some]
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue()


def keys_of(rows: Iterable[Row], templates: Iterable[tickets.Template]) -> list[Key]:
    found: list[Key] = []
    for name, email, phone, ticket in rows:
        found += names.keys(*names.split(name)) if name else ()
        found += emails.keys(email) if email else ()
        found += phones.keys(phone, None) if phone else ()
        found += tickets.keys(ticket, templates) if ticket else ()
    return found


def do(folder: Path, people: Mapping[str, Iterable[Row]], gone: Iterable[str]) -> None:
    """Update ``folder / "index"``. Who was never in it is not asked to be removed."""
    wanted = sorted(set(gone) & set(opened(folder).all_ids()) - set(people))
    remove = write(folder, "".join(f"{person}\n" for person in wanted), "gone.txt") if wanted else None
    changes = write(folder, table(people), "changes.csv") if people else None
    if remove or changes:
        update(folder / "index", key(), Request(changes, remove))


def found_by(index: Index, keys: Iterable[Key]) -> dict[Key, set[str]]:
    keys = list(keys)
    return dict(zip(keys, ids(index, keys), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(PERSON, ROWS, min_size=1), st.lists(STEP, min_size=1, max_size=4))
def test_updated_merged_and_built_anew_are_one(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, list[Row]], steps: list[Step]
) -> None:
    folder, fresh = tmp_path_factory.mktemp("updated"), tmp_path_factory.mktemp("fresh")
    make(folder, table(first))
    people, ever = dict(first), [row for rows in first.values() for row in rows]
    for changed, gone in steps:
        do(folder, changed, gone)
        people = {person: rows for person, rows in people.items() if person not in gone} | dict(changed)
        ever += [row for rows in changed.values() for row in rows]
    updated = verify(folder / "index", key())
    keys = keys_of(ever, updated.tables.templates)
    seen = found_by(updated, keys)
    everybody = list(updated.all_ids())
    assert {person for person, live in zip(everybody, updated.live, strict=True) if live} == set(people)
    make(fresh, table(people))
    assert seen == found_by(opened(fresh), keys)
    assert (updated.customers, len(updated.tables.layers)) == (len(people), 2)

    assert merge(folder / "index", key()).merged
    merged = verify(folder / "index", key())
    assert seen == found_by(merged, keys)
    assert (list(merged.all_ids()), merged.live.tolist()) == (everybody, updated.live.tolist())
    assert len(merged.tables.layers) == 1

    make(folder, table(people))
    rebuilt = verify(folder / "index", key())
    assert list(rebuilt.all_ids()) == everybody
    for name in ("records", "buckets", "filter", "postings_start", "postings"):
        of_merged, of_rebuilt = (getattr(index.tables.layers[0], name) for index in (merged, rebuilt))
        assert np.array_equal(of_merged, of_rebuilt)


@given(st.lists(STEP, min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_the_way_there_does_not_show_in_the_layer(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    start = {f"C-{n}": [("Anna Kowalska", f"user{n}@post.example", "", "")] for n in range(8)}
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    now: dict[str, list[Row]] = dict(start)
    for folder in (one, other):
        make(folder, table(start))
    for changed, gone in steps:
        do(one, changed, gone)
        now = {person: rows for person, rows in now.items() if person not in gone} | dict(changed)
    do(other, now, set(start) - set(now))
    for name in ("records", "postings"):
        layers = [getattr(opened(folder).tables.layers[1], name) for folder in (one, other)]
        assert np.array_equal(*layers)


def test_ids_of_many_blocks_are_as_a_build_seals_them(tmp_path: Path) -> None:
    count = 2 * BLOCK + 10
    people = "".join(f"C-{n},u{n}@post.example\n" for n in range(count))
    make(tmp_path, f"id,email\n{people}")
    new = "".join(f"N-{n},n{n}@post.example\n" for n in range(BLOCK))
    changes = write(tmp_path, f"id,email\n{new}C-5,five@post.example\n", "changes.csv")
    update(tmp_path / "index", key(), Request(changes))
    everybody = [*(f"C-{n}" for n in range(count)), *(f"N-{n}" for n in range(BLOCK))]
    index = opened(tmp_path)
    assert list(index.all_ids()) == everybody
    chosen = [0, count - 1, count, len(everybody) - 1, 5]
    assert index.customer_ids(chosen) == [everybody[place] for place in chosen]
    with pytest.raises(IndexError):
        index.customer_ids([len(everybody)])
    merge(tmp_path / "index", key())
    merged = version(tmp_path / "index", key())
    make(tmp_path, f"id,email\n{people}{new}")
    built = version(tmp_path / "index", key())
    for name in ("customer_ids", "customer_ids_start", "customer_tags"):
        assert merged.about.arrays[name] == built.about.arrays[name]
    tags = np.load(built.directory / "customer_tags.npy")
    assert (
        tags.tolist() == siphash24(key().subkey(CUSTOMER_TAG), [one.encode() for one in everybody]).tolist()
    )


def test_without_an_update_there_is_nothing_to_merge(tmp_path: Path) -> None:
    report = make(tmp_path)
    merged = merge(tmp_path / "index", key())
    assert (merged.index, merged.merged) == (report.index, False)
    assert opened(tmp_path).id == report.index
