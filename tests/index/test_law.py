"""A table's own text, scanned, gives back every customer in it: whatever its charset and spelling."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exfilter import content, evidence, kernel
from exfilter.index.opening import open_table
from exfilter.index.store import Index
from exfilter.limits import Limits
from exfilter.model import Kind, Part, Transfer
from tests.index.making import make, opened, write

PEOPLE = {
    "cp1251": ["Анна Ковальская", "Иван Петров", "Ольга Смирнова", "Дмитрий Кузнецов", "Екатерина Попова"],
    "iso8859-2": ["Łukasz Wiśniewski", "Józef Wójcik", "Małgorzata Dąbrowska", "Božena Němcová"],
    "shift_jis": ["山田太郎", "佐藤花子", "鈴木一郎", "高橋健", "田中美咲"],
    "latin-1": ["Zoë Müller", "François Lefèvre", "José Núñez", "Jürgen Groß", "Søren Ångström"],
    "cp1252": ["Šárka Brown", "Zoë Müller", "François Œuvrard", "José Núñez"],
    "utf-8": ["Zoë Müller", "Łukasz Wiśniewski", "Анна Ковальская", "山田太郎"],
}
CODECS = [*PEOPLE, "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]
TABLE_SEPARATORS = ",;\t|"


def _found(index: Index, body: bytes) -> tuple[set[str], set[str], set[str]]:
    """Return the customers whose names, or any keys, stand in a body, and those that are identified."""
    named: set[str] = set()
    borne: set[str] = set()
    seen = []
    for part in content.read(Transfer(door="scan", body=body, name="customers.csv"), Limits()):
        assert isinstance(part, Part)
        matches = kernel.find(part.text, index.tables, part.records)
        for found, chosen in ((borne, matches.posting), (named, matches.posting[matches.kind == Kind.NAME])):
            found |= set(index.customer_ids(index.tables.expand(chosen)[1]))
        seen.append(evidence.Observed(matches, part.records))
    weighed = evidence.weigh(seen, index.tables, index.statistics)
    return named, borne, set(index.customer_ids(weighed.identified))


@pytest.mark.parametrize("codec", PEOPLE)
@pytest.mark.parametrize("rows", [5, 400])
def test_everybody_is_found_by_name_in_the_tables_own_bytes(tmp_path: Path, codec: str, rows: int) -> None:
    some = PEOPLE[codec]
    lines = [f"C-{n},{some[n % len(some)]},user{n}@post.example\n" for n in range(rows)]
    body = "".join(["id,name,email\n", *lines]).encode(codec)
    report = make(tmp_path, body)
    index = opened(tmp_path)
    everybody = {f"C-{n}" for n in range(rows)}
    assert _found(index, body) == (everybody, everybody, everybody)
    assert bool(report.notes) == (codec != "utf-8")
    assert report.keys["name"] == len(some)


@pytest.mark.parametrize(
    ("codec", "shown"), [("cp1251", "Windows-1251"), ("utf-16", "UTF-16"), ("utf-32-be", "UTF-32")]
)
def test_the_charset_is_the_scans_and_is_said(tmp_path: Path, codec: str, shown: str) -> None:
    people = "".join(f"{name}\n" for name in PEOPLE["cp1251"] * 20)
    table = open_table(write(tmp_path, f"name\n{people}".encode(codec)))
    assert table.charset.startswith(shown)
    assert bool(table.doubt) == (codec == "cp1251")


def test_one_decision_holds_for_the_whole_file(tmp_path: Path) -> None:
    plain = "".join(f"C{n},Anna Brown\n" for n in range(150_000))
    names = "".join(f"D{n},{PEOPLE['cp1251'][n % 5]}\n" for n in range(50))
    table = open_table(write(tmp_path, f"id,name\n{plain}{names}".encode("cp1251")))
    assert table.charset == "Windows-1251 (it is not UTF-8)"


def test_few_letters_are_said_to_tell_little(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, "name\nZoë\n".encode("latin-1")))
    assert "say too little" in table.doubt


def test_a_long_line_does_not_make_another_charset_of_utf_8(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, f"name\n{'aé' * 1_000_000}\n".encode()))
    assert (table.charset, table.doubt) == ("UTF-8", "")


EMAILS = st.integers(0, 10**6).flatmap(
    lambda n: st.sampled_from([f"user{n}@post.example", f" USER{n}@Post.Example", f"<user{n}@post.example>"])
)
PHONES = st.integers(201, 989).flatmap(
    lambda n: st.sampled_from(
        [
            spelling.format(n, 100 + n % 100)
            for spelling in ("+1 {} 555 0{}", "({}) 555-0{}", "{}.555.0{}", "001 {} 555 0{}", "{}-555-0{}")
        ]
    )
)
TICKETS = st.integers(0, 89_999).flatmap(
    lambda n: st.sampled_from([f"{prefix}{n * 1000 + 10**7}" for prefix in ("TM-", "tm ", "TM#", "TM")])
)
VALUES = {
    "email": (EMAILS, ["; ", ", ", "|", "\n"]),
    "phone": (PHONES, ["; ", ", ", "|", "\n", " / ", " or "]),
    "ticket": (TICKETS, ["; ", ", ", "|", "\n"]),
}


@st.composite
def _tables(draw: st.DrawFn) -> tuple[bytes, int]:
    """Draw the bytes of a table and the number of its rows."""
    codec = draw(st.sampled_from(CODECS))
    names = st.sampled_from(PEOPLE.get(codec, PEOPLE["utf-8"]))
    rows = []
    for number in range(draw(st.integers(1, 6))):
        cells = [f"C-{number}", draw(names)]
        given = draw(st.sets(st.sampled_from(list(VALUES)), min_size=1))
        for kind, (values, between) in VALUES.items():
            several = draw(st.lists(values, min_size=1, max_size=3)) if kind in given else []
            cells.append(draw(st.sampled_from(between)).join(several))
        rows.append(cells)
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=draw(st.sampled_from(TABLE_SEPARATORS)),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerows([["id", "name", *VALUES], *rows])
    return text.getvalue().encode(codec), len(rows)


@settings(max_examples=60)
@given(_tables())
def test_every_customer_with_a_key_is_in_the_tables_own_text(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[bytes, int]
) -> None:
    body, rows = table
    folder = tmp_path_factory.mktemp("law")
    report = make(folder, body, region="US")
    assert (report.customers, report.rows_left_out, report.cells_left_out) == (rows, (), ())
    assert sum(report.keys[kind.name.lower()] for kind in Kind if kind is not Kind.NAME) > 0
    _, borne, counted = _found(opened(folder), body)
    assert borne == counted == {f"C-{number}" for number in range(rows)}
