"""What a run leaves: results in parts, a summary, and a page that names no customer."""

from __future__ import annotations

import io
import itertools
import json
import re
import stat
import tracemalloc
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.bulk import page, report, summary
from exfilter.bulk.finished import Ranked
from exfilter.bulk.page import packing
from exfilter.bulk.replacing import replacing, replacing_folder
from tests.bulk.filled import CUSTOMER, ROOT, File, expected, many, run

NAMES = st.text(
    st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=30,
)  # fmt: skip
FILES = st.lists(
    st.builds(
        File,
        key=NAMES.filter(lambda name: as_read(name) == name),
        size=st.integers(0, 1 << 50),
        customers=st.integers(0, 1 << 40),
        held=st.booleans(),
        unread=st.sampled_from(["", "encrypted", "deadline,malformed"]),
        owner=NAMES.filter(lambda name: as_read(name) == name),
        rule=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9),
        content=st.sampled_from([b"", b"a", b"b"]),
    ),
    max_size=12,
    unique_by=lambda file: file.key,
)


def as_read(name: str) -> str:
    """Return a name as a system reads its bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


class Tags(HTMLParser):
    """What a browser takes for markup, and the chunks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.chunks: list[str] = []
        self._in_chunk = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, sorted(name for name, _ in attrs)))
        self._in_chunk = dict(attrs).get("class") == "chunk"

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)
        self._in_chunk = False

    def handle_comment(self, data: str) -> None:
        self.seen.append(data)

    def handle_data(self, data: str) -> None:
        if self._in_chunk:
            self.chunks.append(data)


def listed(text: str) -> list[Ranked]:
    return [row for chunk in Tags(text).chunks for row in packing.unpacked(chunk)]


def page_of(tmp: Path, files: list[File]) -> str:
    with run(tmp, files) as state:
        report.write(state, tmp)
    return (tmp / "report.html").read_text("utf-8")


@given(files=FILES)
def test_the_page_unpacks_to_the_results_the_weightiest_first(
    tmp_path_factory: pytest.TempPathFactory, files: list[File]
) -> None:
    text = page_of(tmp_path_factory.mktemp("run"), files)
    assert listed(text) == expected(files)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Return the tags of a page of three files whose names are harmless."""
    files = [File(f"f{at}/{at}.x{at}", owner=f"o{at}") for at in range(3)]
    return Tags(page_of(tmp_path_factory.mktemp("run"), files)).seen


@given(
    names=st.lists(
        NAMES.filter(lambda name: name and as_read(name) == name and not set("/.") & set(name)),
        min_size=3,
        max_size=3,
        unique_by=str.lower,
    )
)
def test_no_name_changes_the_markup(
    tmp_path_factory: pytest.TempPathFactory, plain: list[object], names: list[str]
) -> None:
    hostile = [File(f"f{name}/{name}.x{name}", owner=f"o{name}") for name in names]
    assert Tags(page_of(tmp_path_factory.mktemp("run"), hostile)).seen == plain


def test_neither_customers_nor_values_are_on_the_page(tmp_path: Path) -> None:
    text = page_of(tmp_path, many(50))
    assert CUSTOMER in (tmp_path / "results/jsonl/day=2026-11-20/part-0.jsonl").read_text()
    assert CUSTOMER not in text
    assert all(CUSTOMER not in repr(row) for row in listed(text))


def test_the_page_lists_the_weightiest_and_says_how_many_are_left_out(tmp_path: Path) -> None:
    files = many(50)
    with run(tmp_path, files) as state:
        report.write(state, tmp_path, listed=7)
    text = (tmp_path / "report.html").read_text()
    assert listed(text) == expected(files)[:7]
    assert "the 7 weightiest files of 50; 43 are left out" in text


def test_names_without_end_do_not_make_a_page_without_end(tmp_path: Path) -> None:
    files = [File(f"{'x' * 4000} {at}", customers=at) for at in range(4000)]
    out = io.StringIO()
    with run(tmp_path, files) as state:
        page.write(state, summary.write(state, io.StringIO()), out, text=6 << 20)
    text = out.getvalue()
    rows = listed(text)
    assert 6 << 20 <= sum(len(row.prefix + row.name) for row in rows) < 9 << 20
    assert rows == expected(files)[: len(rows)]
    assert f"{4000 - len(rows):,} are left out" in text


def test_an_unfinished_run_says_so(tmp_path: Path) -> None:
    with run(tmp_path, many(5), left=1234) as state:
        report.write(state, tmp_path)
    assert "1,234 files have no result yet" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "summary.json").read_text())["unfinished"] == 1234


def test_the_page_says_what_was_scanned_and_with_what(tmp_path: Path) -> None:
    text = page_of(tmp_path, many(5))
    assert all(f"<dd>{each}" in text for each in (ROOT, "index-1", "policy-1"))


def test_the_browser_is_told_to_refuse_all_else(tmp_path: Path) -> None:
    text = page_of(tmp_path, [])
    (policy,) = re.findall('<meta http-equiv="Content-Security-Policy" content="([^"]+)">', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert all(
        re.fullmatch("'sha256-[A-Za-z0-9+/]{43}='", rules[name]) for name in ("style-src", "script-src")
    )
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import|fetch\(|XMLHttp|innerHTML", text)


def counted_slowly(files: list[File], name: str) -> dict[str, dict[str, int]]:
    copies = {row.prefix + row.name for row in expected(files) if row.copy_of}
    found: dict[str, dict[str, int]] = {}
    for file in files:
        counts = found.setdefault(
            getattr(file.item, name, "") or getattr(file, name, ""), dict.fromkeys(COUNTS, 0)
        )
        copied = file.item.url in copies
        for key, number in zip(
            COUNTS,
            (1, file.size, file.held, bool(file.unread), copied, 0 if copied else file.customers),
            strict=True,
        ):
            counts[key] += number
    return found


COUNTS = ("files", "bytes", "held", "not_read_whole", "duplicates", "customers_by_file")


def test_the_summary_counts_what_a_loop_counts(tmp_path: Path) -> None:
    files = many(300)
    page_of(tmp_path, files)
    found: dict[str, Any] = json.loads((tmp_path / "summary.json").read_text())
    for name in ("folder", "owner", "rule"):
        assert found[name] == counted_slowly(files, name)
    assert found["all"]["files"] == 300
    reasons = [reason for file in files for reason in file.unread.split(",") if reason]
    assert found["unscanned"] == {reason: reasons.count(reason) for reason in reasons}


def test_the_weightiest_groups_are_kept_in_order() -> None:
    best = summary.Best()
    for at in range(200):
        best.add(str(at), summary.Counts(files=1, held=at * 7 % 200))
    assert best.groups == 200
    assert [counts.held for _, counts in best] == list(range(199, 199 - summary.BEST, -1))


def test_results_come_in_parts_of_bounded_length_in_both_formats(tmp_path: Path) -> None:
    files = many(25)
    with run(tmp_path, files) as state:
        report.write(state, tmp_path, rows=4)
    results = tmp_path / "results"
    lengths = {
        str(part.relative_to(results / "jsonl")): len(part.read_text().splitlines())
        for part in results.rglob("*.jsonl")
    }
    days = [file.day for file in files]
    assert lengths == {
        f"day={day}/part-{at // 4}.jsonl": min(4, days.count(day) - at)
        for day in set(days)
        for at in range(0, days.count(day), 4)
    }
    paths = [json.loads(line)["path"] for part in results.rglob("*.jsonl") for line in part.open()]
    assert sorted(paths) == sorted(file.item.url for file in files)
    dataset = pytest.importorskip("pyarrow.dataset")
    table = dataset.dataset(results / "parquet", partitioning="hive").to_table()
    assert sorted(table["path"].to_pylist()) == sorted(paths)
    assert {part.name for part in results.rglob("*.parquet")} == {
        part.with_suffix(".parquet").name for part in results.rglob("*.jsonl")
    }


def test_days_may_alternate(tmp_path: Path) -> None:
    files = [File(str(at), day=f"2026-10-{at % 9 + 10}") for at in range(40)]
    with run(tmp_path, files) as state:
        report.write(state, tmp_path, rows=3)
    by_day: dict[str, list[str]] = {}
    for part in sorted(tmp_path.rglob("*.jsonl")):
        by_day.setdefault(part.parent.name, []).extend(json.loads(line)["path"] for line in part.open())
    assert by_day == {
        f"day=2026-10-{day + 10}": [ROOT + str(at) for at in range(40) if at % 9 == day] for day in range(9)
    }
    dataset = pytest.importorskip("pyarrow.dataset")
    table = dataset.dataset(tmp_path / "results" / "parquet", partitioning="hive").to_table()
    assert sorted(table["path"].to_pylist()) == sorted(file.item.url for file in files)


def test_nothing_is_left_of_an_earlier_writing(tmp_path: Path) -> None:
    with run(tmp_path, many(25)) as state:
        report.write(state, tmp_path, rows=2)
        (tmp_path / ".results.new").mkdir()
        (tmp_path / ".results.new" / "half").touch()
        report.write(state, tmp_path)
    assert {part.stem for part in tmp_path.rglob("part-*")} == {"part-0"}
    names = {each.name for each in tmp_path.iterdir() if not each.name.startswith("run.sqlite")}
    assert names == {"lock", "report.html", "results", "summary.json"}


def test_all_of_it_is_its_owners_alone(tmp_path: Path) -> None:
    page_of(tmp_path / "run", many(9))
    modes = {oct(stat.S_IMODE(each.stat().st_mode)) for each in (tmp_path / "run").rglob("*")}
    assert modes == {"0o600", "0o700"}


def test_what_is_broken_off_leaves_what_was_there(tmp_path: Path) -> None:
    class Stopped(BaseException):
        """Ctrl-C."""

    (tmp_path / "a").write_text("old")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").touch()
    with suppress(Stopped), replacing(tmp_path / "a") as out:
        out.write("half")
        raise Stopped
    with suppress(Stopped), replacing_folder(tmp_path / "b") as into:
        (into / "half").touch()
        raise Stopped
    assert (tmp_path / "a").read_text() == "old"
    assert [each.name for each in sorted(tmp_path.rglob("*"))] == ["a", "b", "old"]


def test_memory_does_not_grow_with_files_and_folders(tmp_path: Path) -> None:
    peaks = []
    for number in (2_000, 20_000):
        files = (File(f"folder {at}/{at}", customers=at % 5) for at in range(number))
        with run(tmp_path / str(number), files) as state:
            tracemalloc.start()
            with replacing(tmp_path / "summary.json") as out:
                counted = summary.write(state, out)
            with replacing(tmp_path / "report.html") as out:
                page.write(state, counted, out)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + (16 << 20)


def test_chunks_are_bounded_by_rows_and_by_text() -> None:
    rows = (Ranked("/", "n", 1, 0, False, "r", "", "o", "t", "") for _ in range(25_000))  # noqa: FBT003
    assert [chunk.rows for chunk in packing.chunks(rows)] == [10_000, 10_000, 5_000]
    long = itertools.repeat(Ranked("/", "n" * (1 << 20), 1, 0, False, "r", "", "o", "t", ""), 9)  # noqa: FBT003
    assert [chunk.rows for chunk in packing.chunks(long)] == [4, 4, 1]
