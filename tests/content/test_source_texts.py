"""Text that programs write: SQL, YAML, notebooks, settings. Its rows are records, its escapes are undone."""

from __future__ import annotations

import base64
import configparser
import gzip
import io
import json
import random
import sqlite3

import pytest
from ruamel.yaml import YAML

from exfilter.content import listed, sqltext
from exfilter.model import Part
from tests.content.reading import items, main, reasons, records, texts

PEOPLE = [(number, f"Ann Smith{number}", f"ann{number}@example.com") for number in range(40)]


def everything(body: str) -> str:
    return "\n".join(texts(body.encode()).values())


def rows(body: str) -> list[str]:
    return records(main(body.encode()))


def assert_each_in_one(body: str) -> None:
    """Each person stands in a record without any other."""
    found = rows(body)
    for number, name, mail in PEOPLE:
        (mine,) = [record for record in found if f"{mail}" in record and f"n{number}@" in record]
        assert name in mine
        assert mine.count("@example.com") == 1


def extended(per_line: str, quote: str = "`") -> str:
    values = per_line.join(f"({number},'{name}','{mail}',NULL)" for number, name, mail in PEOPLE)
    head = f"-- it's a dump\n/*!40101 SET NAMES utf8 */;\nCREATE TABLE {quote}c{quote} (id int);\n"
    return f"{head}INSERT INTO {quote}c{quote} (id, name, mail, note) VALUES {values};\n"


def dumped() -> str:
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE c(id INTEGER PRIMARY KEY, name TEXT, mail TEXT)")
    base.executemany("INSERT INTO c VALUES (?, ?, ?)", PEOPLE)
    return "\n".join(base.iterdump())


DUMPS = {
    "one line": extended(","),
    "lines": extended(",\n"),
    "blanks": extended(" ,\r\n\t"),
    "sqlite": dumped(),
    "t-sql": "SET NOCOUNT ON\nGO\n"
    + "".join(f"INSERT [dbo].[c] ([id], [n], [m]) VALUES ({i}, N'{n}', N'{m}')\nGO\n" for i, n, m in PEOPLE),
    "oracle": "SET DEFINE OFF;\n"
    + "".join(f'Insert into A.C ("I","N","M") values ({i},\'{n}\',\'{m}\');\n' for i, n, m in PEOPLE),
    "updates": "".join(f"UPDATE c SET name='{n}',\n mail='{m}' WHERE id={i};\n" for i, n, m in PEOPLE),
    "copy": "--\n-- Data for Name: c\n--\n\nCOPY public.c (id, name, mail) FROM stdin;\n"
    + "".join(f"{i}\t{n}\t{m}\n" for i, n, m in PEOPLE)
    + "\\.\n\nSELECT pg_catalog.setval('c_id_seq', 40, true);\n",
}


@pytest.mark.parametrize("name", DUMPS)
def test_each_row_of_a_dump_is_a_record(name: str) -> None:
    assert_each_in_one(DUMPS[name])


def test_strings_with_brackets_part_no_row() -> None:
    body = "INSERT INTO c VALUES (1,'a),(b','it''s (x), (y)','c\\'),(d','ann@example.com'),(2,'e','f');\n"
    assert [row.count("'") > 0 for row in rows(body)] == [False, True, True]
    assert "ann@example.com" in rows(body)[1]


def test_a_quote_that_is_never_closed_ends_with_the_statement() -> None:
    body = "INSERT INTO c VALUES (1,'C:\\');\nINSERT INTO c VALUES (2,'a@example.com'),(3,'b@example.com');\n"
    assert len([row for row in rows(body) if row.count("@") == 1]) == 2


def test_what_stands_for_something_else_is_undone() -> None:
    person = b"ann7@example.com".hex()
    values = [
        *("'Miles O''Brien'", "'Bo D\\'Arcy'", f"X'{person}'", f"0x{person.upper()}", f"'\\x{person}'"),
        *(
            "N'Zoë'",
            "U&'M\\00fcller'",
            "UNISTR('\\00c5str\\00f6m')",
            "E'Fran\\u00e7ois'",
            "'say \\\"hi\\\"'",
            "''",
        ),
    ]
    (row,) = [row for row in rows(f"INSERT INTO c VALUES ({','.join(values)});\n") if row.startswith("(")]
    for word in ("Miles O'Brien", "Bo D'Arcy", "Zoë", "Müller", "Åström", 'say "hi"'):
        assert word in row
    assert row.count("ann7@example.com") == 3
    assert "François" in everything(f"INSERT INTO c VALUES ({','.join(values)});\n")


def test_copied_values_are_undone() -> None:
    body = f"COPY c (a, b) FROM stdin;\nBo\\tDiaz\t\\\\x{b'ann7@example.com'.hex()}\n\\.\n"
    assert "ann7@example.com" in rows(body)[1]
    assert "Bo\tDiaz" in everything(body)


def test_files_in_a_dump_are_opened() -> None:
    noise = random.Random(1)
    lines = (f"{noise.randrange(10**9)},{name},{mail}\n" for _, name, mail in PEOPLE * 10)
    inner = gzip.compress("".join(lines).encode()).hex()
    for value in (f"X'{inner}'", f"0x{inner}", f"'\\x{inner}'"):
        assert "ann39@example.com" in everything(f"INSERT INTO c VALUES (1,{value});\n")


@pytest.mark.parametrize("name", DUMPS)
def test_rows_are_the_same_in_any_blocks(name: str) -> None:
    text = DUMPS[name]
    (whole,) = sqltext.read(iter([text]))
    chance = random.Random(4)
    cuts = sorted(chance.sample(range(len(text)), 12))
    if text.count("\n") > 20:  # then blocks end where lines end
        cuts = [text.index("\n", cut) + 1 for cut in cuts]
    blocks = list(
        sqltext.read(text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True))
    )
    assert "".join(block.text for block in blocks) == whole.text
    before, found = 0, set()
    for block in blocks:
        assert block.records is not None
        found |= {before + place for place in block.records.tolist()}
        before += len(block.text)
    assert whole.records is not None
    assert len(set(whole.records.tolist()) ^ found) <= 12


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a tie from the box\n",
        "Update: all VALUES (of ours) matter\n",
        "-- a comment\nlocal x = {1}\n",
        "INSERT coin\n",
    ],
)
def test_words_are_no_sql(text: str) -> None:
    assert not sqltext.recognises(text)


def yaml(data: object, *, flow: bool = False) -> str:
    out = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = flow
    writer.dump(data, out)
    return out.getvalue()


ITEMS = [{"id": number, "name": name, "mail": mail, "tags": ["a", "b"]} for number, name, mail in PEOPLE]


@pytest.mark.parametrize(
    "body", [yaml(ITEMS), yaml({"list": ITEMS, "of": 3}), yaml({"deep": {"list": ITEMS}})]
)
def test_each_item_of_a_list_is_a_record(body: str) -> None:
    assert_each_in_one(body)


def test_items_in_braces_are_records() -> None:
    assert_each_in_one("people:\n  - name: x\n" + "".join(f"  - {{n: {n}, m: {m}}}\n" for _, n, m in PEOPLE))


def test_escapes_of_yaml_are_undone() -> None:
    body = '- name: "Zo\\xeb M\\u00fcller"\n  mail: "ann\\u0040example.com"\n- name: "\\\n    Bo"\n  x: 1\n'
    assert "Zoë Müller" in everything(body)
    assert "ann@example.com" in everything(body)


def test_anchors_are_not_expanded() -> None:
    """A text of 26 ** 9 names, were it loaded."""
    levels = ["a0: &a0 [ann@example.com]\n"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 26)}]\n" for n in range(1, 10)]
    assert sum(len(text) for text in texts("".join(levels).encode()).values()) < 10_000


def test_binary_values_of_yaml_are_opened() -> None:
    inner = gzip.compress("".join(f"{name},{mail}\n" for _, name, mail in PEOPLE).encode())
    assert "ann39@example.com" in everything(yaml([{"name": "a", "file": inner}, {"name": "b"}]))


def test_each_section_is_a_record() -> None:
    settings = configparser.ConfigParser()
    for number, name, mail in PEOPLE:
        settings[f"person {number}"] = {"name": name, "mail": mail}
    out = io.StringIO()
    settings.write(out)
    assert_each_in_one(out.getvalue())
    tables = "".join(f'[[people]]\nname = "{name}"\nmail = "{mail}"\n\n' for _, name, mail in PEOPLE)
    assert_each_in_one(tables)
    assert_each_in_one(f'title = "x"\n\n{tables}')


@pytest.mark.parametrize("text", ["- one\n- two\n", "a: b\nc: d\n", "[1]\n[2]\n", "x - y: z\n"])
def test_what_is_no_list_has_no_records(text: str) -> None:
    assert not listed.recognises(text)


def test_properties_are_undone() -> None:
    body = "# Zo\nname=Zo\\u00eb M\\u00FCller\nmail=ann\\u0040example.com\n"
    assert "Zoë Müller" in everything(body)
    assert "ann@example.com" in everything(body)


def notebook() -> dict[str, object]:
    lines = ["<table border='1'>\n"]
    for _, name, mail in PEOPLE:
        lines += [f"  <tr><td>{name}</td>\n", f"    <td>{mail}</td><td>Zo&euml; M&#252;ller</td></tr>\n"]
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(900)).decode()
    data = {
        "text/html": [*lines, "</table>"],
        "text/plain": ["  name\n", "0 Bo"],
        "image/png": picture + "\n",
    }
    cell = {
        "cell_type": "code",
        "outputs": [{"output_type": "execute_result", "data": data}],
        "source": ["df\n"],
    }
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize("escape", [str, lambda text: text.replace("<", "\\u003c").replace("@", "\\u0040")])
def test_tables_in_a_notebook_are_read(escape) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    text = everything(escape(json.dumps(notebook(), indent=1)))
    for _, name, mail in PEOPLE:
        assert f"<td>{name}</td>" in text
        assert f"<td>{mail}</td>" in text
    assert "Zoë Müller" in text


def test_pictures_in_a_notebook_are_reported() -> None:
    assert [reason.value for reason in reasons(json.dumps(notebook()).encode())] == ["unsupported"]


def test_lines_of_json_are_records() -> None:
    assert_each_in_one("".join(json.dumps(item) + "\n" for item in ITEMS))


def test_mutations_are_read() -> None:
    chance = random.Random(8)
    for whole in [*DUMPS.values(), yaml(ITEMS)]:
        for _ in range(15):
            body = bytearray(whole.encode())
            for _ in range(chance.randrange(1, 9)):
                at = chance.randrange(len(body))
                body[at : at + chance.randrange(3)] = chance.choice([b"'", b"\\", b"(", b"\n", b"''", b"--"])
            assert any(isinstance(item, Part) for item in items(bytes(body)))
