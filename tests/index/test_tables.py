"""Every kind of customer table gives the same rows; a broken row costs itself and no other."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.index.opening import open_table
from exfilter.index.table import Broken, Cell, Row
from tests.index.making import write

HEADER = ["id", "name", "email"]
ROWS = [["1", "Łukasz, K", "a@post.example"], ["2", "Zoë", ""], ["3", 'the "third"', "c@post.example"]]


def _csv(separator: str = ",", end: str = "\n") -> str:
    quoted = [[f'"{cell.replace(chr(34), 2 * chr(34))}"' for cell in row] for row in ROWS]
    return end.join(separator.join(row) for row in [HEADER, *quoted]) + end


def _rows(path: Path) -> list[tuple[Cell, ...]]:
    table = open_table(path)
    found = list(table.rows(range(len(table.columns)), lambda _: None))
    assert not [row for row in found if isinstance(row, Broken)]
    return [row.cells for row in found if isinstance(row, Row)]


def _both(path: Path) -> tuple[list[tuple[int, tuple[Cell, ...]]], list[Broken]]:
    table = open_table(path)
    found = list(table.rows(range(len(table.columns)), lambda _: None))
    rows = [(row.line, row.cells) for row in found if isinstance(row, Row)]
    return rows, [row for row in found if isinstance(row, Broken)]


@pytest.mark.parametrize(("separator", "end"), list(product(",\t;|", ("\n", "\r\n", "\r"))))
def test_any_separator_and_line_end(tmp_path: Path, separator: str, end: str) -> None:
    assert _rows(write(tmp_path, _csv(separator, end))) == [tuple(row) for row in ROWS]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_unicode(tmp_path: Path, codec: str) -> None:
    table = write(tmp_path, _csv().encode(codec))
    assert open_table(table).columns == ("id", "name", "email")
    assert _rows(table) == [tuple(row) for row in ROWS]


def test_latin_1_is_decided_once_and_said(tmp_path: Path) -> None:
    file = write(tmp_path, "name,email\nZoë Müller,z@post.example\nPlain,p@post.example\n".encode("latin-1"))
    assert open_table(file).charset == "Windows-1252 (it is not UTF-8)"
    assert _rows(file)[0] == ("Zoë Müller", "z@post.example")


def test_a_stray_byte_does_not_make_latin_1_of_utf_8(tmp_path: Path) -> None:
    file = write(tmp_path, "name\nZoë\nMüller\nBj".encode() + b"\xf6rn\nPlain\n")
    rows, broken = _both(file)
    assert [cells for _, cells in rows] == [("Zoë",), ("Müller",), ("Plain",)]
    assert broken == [Broken(4, "invalid characters for the charset")]


def test_gzip_is_opened(tmp_path: Path) -> None:
    assert _rows(write(tmp_path, gzip.compress(_csv().encode()), "c.csv.gz")) == [tuple(row) for row in ROWS]


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(_csv().encode() * 3000)
    with pytest.raises(ValueError, match="damaged"):
        open_table(write(tmp_path, content[:-40], "c.csv.gz"))


def test_json_lines(tmp_path: Path) -> None:
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS]
    assert _rows(write(tmp_path, "\n".join(lines), "c.jsonl")) == [tuple(row) for row in ROWS]


def test_json_lists_numbers_and_objects(tmp_path: Path) -> None:
    line = (
        '{"id": 7, "email": ["a@post.example", null, "b@post.example"], "phone": 2125550142.0, "ok": true}\n'
    )
    later = '{"contact": {"email": "c@post.example"}, "phones": [{"number": "+1"}, {"number": "+2"}]}\n'
    file = write(tmp_path, line + later, "c.jsonl")
    assert open_table(file).columns == ("id", "email", "phone", "ok", "contact.email", "phones.number")
    assert _rows(file) == [
        ("7", ("a@post.example", "b@post.example"), "2125550142", "", "", ""),
        ("", "", "", "", "c@post.example", ("+1", "+2")),
    ]


def test_a_broken_json_line_costs_itself(tmp_path: Path) -> None:
    rows, broken = _both(write(tmp_path, '{"id": 1}\n{"id": \n[1]\n"x"\n{"id": 2}\n' + "[" * 5000, "c.jsonl"))
    assert rows == [(1, ("1",)), (5, ("2",))]
    assert broken == [Broken(line, "invalid JSON object") for line in (2, 3, 4, 6)]


def test_a_json_array_says_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jq"):
        open_table(write(tmp_path, '[\n {\n  "id": 1\n }\n]', "c.json"))


def test_parquet(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "id": [1, 2],
        "email": [["a@post.example", "b@post.example"], None],
        "phone": ["+1 212 555 0142", None],
        "name": [{"first": "Ina", "last": "Berg"}, None],
    }
    parquet.write_table(arrow.table(columns), tmp_path / "c.parquet")
    table = open_table(tmp_path / "c.parquet")
    assert table.columns == ("id", "email", "phone", "name")
    assert list(table.rows((3, 0, 1), lambda _: None)) == [
        Row(1, (("Ina", "Berg"), "1", ("a@post.example", "b@post.example"))),
        Row(2, ("", "2", "")),
    ]
    content = (tmp_path / "c.parquet").read_bytes()
    for damaged in (content[:-9], content[:4] + b"\0" * 200 + content[204:], b"PAR1"):
        file = write(tmp_path, damaged, "damaged.parquet")
        with pytest.raises(ValueError, match="damaged"):
            list(open_table(file).rows((0, 1, 2), lambda _: None))


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"pip install exfilter\[index\]"):
        open_table(write(tmp_path, b"PAR1", "c.parquet"))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('2,"open,b@post.example', "invalid quoting"),
        ('2,"a"b,c', "invalid quoting"),
        ("2,too,many,fields", "wrong number of fields"),
        ("2,few", "wrong number of fields"),
        ('2,"two\nlines",x,y', "wrong number of fields"),
        ("2," + 200_000 * "x" + ',"y"', "field too long"),
    ],
)
def test_a_broken_row_costs_itself_and_no_other(tmp_path: Path, broken: str, reason: str) -> None:
    content = (
        f'id,name,email\n1,One,a@post.example\n{broken}\n3,"Three",c@post.example\n4,Four,d@post.example\n'
    )
    rows, left_out = _both(write(tmp_path, content))
    assert [cells[0] for _, cells in rows] == ["1", "3", "4"]
    assert left_out == [Broken(3, reason)]


def test_an_open_quote_at_the_beginning_of_a_long_table_costs_one_row(tmp_path: Path) -> None:
    many = "".join(f"{number},Name,n{number}@post.example\n" for number in range(1000))
    rows, left_out = _both(write(tmp_path, f'id,name,email\n0,"open,x@post.example\n{many}'))
    assert len(rows) == 1000
    assert left_out == [Broken(2, "invalid quoting")]


def test_a_quote_that_another_rows_quote_closes_swallows_no_row_between(tmp_path: Path) -> None:
    content = 'id,name,email\n1,"One,a@post.example\n2,Two,b@post.example\n3,Three",c@post.example\n'
    rows, left_out = _both(write(tmp_path, content))
    assert [cells[2] for _, cells in rows] == ["b@post.example", "c@post.example"]
    assert left_out == [Broken(2, "invalid quoting")]


def test_stray_blanks_zeros_and_empty_rows_are_no_mistakes(tmp_path: Path) -> None:
    content = 'id , name\t,"email"\n 1 , "Berg, Ina" , a@post.example \n\n,,\n2,Z\0oe,b@post.example,,\n'
    content += "\u00a0,\u00a0,\n"
    assert _rows(write(tmp_path, content)) == [
        ("1", "Berg, Ina", "a@post.example"),
        ("2", "Zoe", "b@post.example"),
    ]


def test_a_quoted_cell_may_have_several_lines(tmp_path: Path) -> None:
    assert _rows(write(tmp_path, 'id,email\n1,"a@post.example\nb@post.example"\n2,c\n')) == [
        ("1", "a@post.example\nb@post.example"),
        ("2", "c"),
    ]


def test_excels_line_about_the_separator_is_no_header(tmp_path: Path) -> None:
    assert open_table(write(tmp_path, "sep=;\nid;email\n1;a@post.example\n")).columns == ("id", "email")


def test_one_column_may_hold_commas(tmp_path: Path) -> None:
    assert _rows(write(tmp_path, "name\nKowalska, Anna\nBrown\n")) == [("Kowalska, Anna",), ("Brown",)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n\n", "empty"),
        (b"\0\0\0\0", "empty"),
        (b"PK\x03\x04...", "save the table as CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_table(write(tmp_path, content))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="folder"):
        open_table(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="save it to a file"):
        open_table(Path("/dev/null"))


@given(st.binary(max_size=300))
def test_whatever_the_bytes_a_table_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = write(tmp_path_factory.mktemp("any"), content)
    try:
        table = open_table(file)
    except ValueError:
        return
    for row in table.rows(range(len(table.columns)), lambda _: None):
        assert isinstance(row, Broken) or len(row.cells) == len(table.columns)
