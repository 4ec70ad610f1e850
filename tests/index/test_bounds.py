"""The index does not depend on how much memory there is, nor on the number of processors."""

from __future__ import annotations

import itertools
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.index import crowds, delimited, native, records, spill, tally, tokens
from exfilter.index.build import Options
from exfilter.index.customers import Identities
from exfilter.index.records import sort
from exfilter.index.spill import Spill
from exfilter.model import Uint64Array
from tests.index.making import make, opened, write
from tests.index.reading import built, needs_native

WORDS = st.integers(0, (1 << 64) - 1)
TAGS = st.one_of(WORDS, st.sampled_from([0, 1, 1 << 31, (1 << 31) + 1, (1 << 64) - 1]))


def _table(rows: int) -> str:
    lines = ["id,name,email,phone,ticket,country"]
    names = ["Anna Kowalska", "Łukasz Berg", "张伟", "Ina Smith", "Sean O'Hara", "山田 太郎", "Otto"]
    for row in range(rows):
        customer = row if row % 5 else row // 2
        phone = f"+1 212 555 {row % 3000:04}" if row % 3 else f"030 {23125117 + row}"
        name = f"{names[row % 7]} {'abc'[row % 3] * (row % 11)}"
        emails = f"u{row}@post.example;v{row % 50}@mail.example"
        country = "US" if row % 3 else "DE"
        lines.append(f"C-{customer},{name},{emails},{phone},TM-{10**7 + 7 * row},{country}")
    return "\n".join(lines)


def test_the_same_bytes_with_little_memory_and_several_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write(tmp_path, _table(4000))
    expected = built(table, tmp_path / "one", Options(workers=1))
    assert built(table, tmp_path / "two", Options(workers=3)) == expected
    monkeypatch.setattr(tally, "GROUP", 500)
    monkeypatch.setattr(tokens, "STRETCH", 100)
    monkeypatch.setattr(tokens, "COUNTED", 50)
    monkeypatch.setattr(delimited, "STRETCH", 20_000)
    for workers in (1, 3):
        assert (
            built(table, tmp_path / f"little {workers}", Options(workers=workers, memory=10_000)) == expected
        )


def test_a_rebuild_with_little_memory_keeps_the_ordinals(tmp_path: Path) -> None:
    make(tmp_path, _table(300))
    everybody = opened(tmp_path).customer_ids(range(opened(tmp_path).ordinals))
    make(tmp_path, "\n".join([_table(1), *reversed(_table(400).splitlines()[1:])]), memory=100)
    index = opened(tmp_path)
    assert index.customer_ids(range(len(everybody))) == everybody
    assert len(set(index.customer_ids(range(index.ordinals)))) == index.ordinals > len(everybody)


def test_what_is_spilled_has_no_name_and_no_plaintext(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], bytes]] = []
    read = Spill.groups

    def looked(self: Spill, least: int) -> object:
        file = self._file
        if file is not None:
            assert stat.S_IMODE(Path(f"/proc/self/fd/{file.fileno()}").stat().st_mode) == 0o600
            content = Path(f"/proc/self/fd/{file.fileno()}").read_bytes()
            seen.append(([path.name for path in tmp_path.rglob("tmp*")], content.lower()))
        return read(self, least)

    monkeypatch.setattr(Spill, "groups", looked)
    make(tmp_path, _table(500), memory=1000)
    assert seen
    for names, content in seen:
        assert not names
        assert not any(value in content for value in (b"kowalska", b"post.example", b"2125550", b"c-1"))


@given(st.lists(st.tuples(TAGS, WORDS), max_size=60), st.integers(0, 400), st.integers(1, 20))
def test_what_is_spilled_comes_back_in_parts_that_ascend(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], memory: int, least: int
) -> None:
    kept = Spill(tmp_path_factory.mktemp("spill"), 2, memory)
    for start in range(0, len(rows), 7):
        kept.add(np.array(rows[start : start + 7], dtype=np.uint64).reshape(-1, 2))
    assert len(kept) == len(rows)
    for _ in range(2):
        groups = [group.tolist() for group in kept.groups(least)]
        assert sorted(tuple(row) for group in groups for row in group) == sorted(rows)
        tops = [{tag >> 64 - spill.BITS for tag, _ in group} for group in groups if group]
        assert all(max(one) < min(other) for one, other in itertools.pairwise(tops))
    kept.close()


def _as_numpy(function: object, *arguments: object) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "tags", None)
        return function(*arguments)  # type: ignore[operator]


@needs_native
@given(st.lists(st.tuples(TAGS, st.integers(0, 5), st.integers(0, 3 << 14)), max_size=80), st.booleans())
def test_native_records_are_those_of_numpy(rows: list[tuple[int, int, int]], many: bool) -> None:  # noqa: FBT001
    few = np.array([(tag, row << 32 | code) for tag, row, code in rows], dtype=np.uint64).reshape(-1, 2)
    random = np.random.default_rng(len(rows)).integers(0, 1 << 63, (3000 * many, 2), dtype=np.uint64)
    random[:, 1] &= np.uint64((5 << 32) + (3 << 14))
    found = np.concatenate((few, random, few))
    for one, other in zip(records.scatter(found, 3), _as_numpy(records.scatter, found, 3), strict=True):  # type: ignore[call-overload]
        assert np.array_equal(one, other)
    ordinals = np.array([7, 0, 1, 1, 3, 2], dtype=np.uint32)
    mine, its = found.copy(), found.copy()
    records.put_ordinals(mine, ordinals)
    _as_numpy(records.put_ordinals, its, ordinals)
    assert np.array_equal(mine, its)
    sort(mine)
    _as_numpy(sort, its)
    assert np.array_equal(mine, its)
    natively, slowly = records.digest(mine, 1, 4), _as_numpy(records.digest, mine, 1, 4)
    assert isinstance(slowly, records.Digest)
    for name in ("tags", "ordinals", "once", "bearers"):
        assert np.array_equal(getattr(natively, name), getattr(slowly, name))
    assert sorted(natively.codes.tolist()) == sorted(slowly.codes.tolist())


@needs_native
def test_a_tag_that_comes_a_million_times_is_sorted_in_linear_time() -> None:
    rows = np.arange(1 << 20, dtype=np.uint64)[::-1]
    found = np.stack((np.full(1 << 20, 7 << 40, dtype=np.uint64), rows << np.uint64(32)), axis=1)
    sort(found)
    assert bool((np.diff(found[:, 1].astype(np.int64)) > 0).all())
    assert len(records.digest(found, 0, 1).tags) == 1 << 20


def _numbers(count: int) -> Uint64Array:
    numbers = np.arange(count, dtype=np.uint64)
    hashes = numbers // np.uint64(10) * np.uint64(0x9E3779B97F4A7C15)
    return np.stack((hashes, numbers * np.uint64(0xBF58476D1CE4E5B9), numbers % np.uint64(3)), axis=1)


def test_a_sample_of_blocks_says_how_full_they_are() -> None:
    everything, sample = crowds.Crowds(), crowds.Crowds(most=2000)
    for part in np.array_split(_numbers(60_000), 9):
        everything.add(part)
        sample.add(part)
    assert everything.bits == 0
    assert everything.beside(0)[:3] == pytest.approx([0.09] * 3)
    assert sample.beside(0)[:3] == pytest.approx([0.09] * 3)
    assert sample.bits > 3


def test_the_sample_does_not_depend_on_the_order() -> None:
    numbers = _numbers(30_000)
    found = []
    for order in (numbers, numbers[::-1], np.concatenate((numbers, numbers))):
        sample = crowds.Crowds(most=1000)
        for part in np.array_split(order, 40):
            sample.add(part)
        found.append((sample.beside(0).tolist(), sample.bits))
    assert found[0] == found[1] == found[2]


@given(
    st.lists(st.integers(0, 30), max_size=40), st.sets(st.integers(0, 40), max_size=20), st.integers(0, 300)
)
def test_known_customers_keep_their_ordinals_and_new_ones_follow_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], before: set[int], memory: int
) -> None:
    previous = [number * 0x9E3779B97F4A7C15 % (1 << 64) for number in sorted(before, reverse=True)]
    tags = [number * 0x9E3779B97F4A7C15 % (1 << 64) for number in rows]
    who = Identities(tmp_path_factory.mktemp("who"), memory)
    for start in range(0, len(tags), 6):
        who.add(start, np.array(tags[start : start + 6], dtype=np.uint64))
    found = who.number(np.array(previous, dtype=np.uint64))
    who.close()
    known = [*previous, *dict.fromkeys(tag for tag in tags if tag not in previous)]
    assert found.tags.tolist() == known
    assert found.ordinal.tolist() == [known.index(tag) for tag in tags]
    assert found.live.tolist() == [tag in tags for tag in known]
