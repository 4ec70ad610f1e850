"""Databases: what is stored in them, whatever their schema says."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import sqlite3
from pathlib import Path

import pytest

from exfilter.content.sandbox.found import Left, Text, Wishes
from exfilter.content.sandbox.host import Sandbox
from exfilter.model import Part, Reason
from tests.content.reading import items, parts, reasons, records, texts

PEOPLE = [(number, f"Ann Smith{number}", f"ann{number}@example.com") for number in range(1, 41)]


def database(*statements: str, people: bool = True, page: int = 4096) -> bytes:
    base = sqlite3.connect(":memory:")
    base.execute(f"PRAGMA page_size={page}")
    if people:
        base.execute("CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, mail TEXT)")
        base.executemany("INSERT INTO customers VALUES (?, ?, ?)", PEOPLE)
    for statement in statements:
        base.execute(statement)
    base.commit()
    return base.serialize()


def rows(body: bytes, name: str = "customers") -> list[str]:
    place = f'customers.dat > table "{name}"'
    return records(next(part for part in parts(body) if part.provenance == place))


def test_each_row_is_a_record() -> None:
    found = rows(database())
    assert found[0] == "id\tname\tmail\n"
    assert found[1:] == [f"{number}\t{name}\t{mail}\n" for number, name, mail in PEOPLE]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_every_encoding_is_read(encoding: str) -> None:
    base = sqlite3.connect(":memory:")
    base.execute(f"PRAGMA encoding='{encoding}'")
    base.execute("CREATE TABLE customers(name)")
    base.execute("INSERT INTO customers VALUES ('Zoë Müller')")
    base.commit()
    assert rows(base.serialize())[1] == "Zoë Müller\n"


def test_text_in_another_encoding_than_it_says_is_read() -> None:
    body = database("INSERT INTO customers VALUES (99, CAST(x'4ad87267656e' AS TEXT), '')")
    assert "99\tJØrgen\t\n" in rows(body)


def test_numbers_are_read_as_they_are_meant() -> None:
    body = database(
        "CREATE TABLE calls(a, b, c)", "INSERT INTO calls VALUES (4922155501000.0, 1.5, 15550100)"
    )
    assert rows(body, "calls")[1] == "4922155501000\t1.5\t15550100\n"


def test_long_values_are_whole() -> None:
    long = "x" * 300_000 + " ann@example.com"
    body = database(f"INSERT INTO customers VALUES (99, '{long}', '')", page=512)
    assert any(row.endswith("x ann@example.com\t\n") for row in rows(body))


def test_tables_of_every_kind_are_read() -> None:
    body = database(
        'CREATE TABLE "an ""odd"" name; --"("a b", "select")',
        'INSERT INTO "an ""odd"" name; --" VALUES (\'odd@example.com\', 1)',
        "CREATE TABLE bare(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
        "INSERT INTO bare VALUES ('bare@example.com', 1)",
        "CREATE VIRTUAL TABLE notes USING fts5(body)",
        "INSERT INTO notes VALUES ('full@example.com')",
        "CREATE VIRTUAL TABLE places USING rtree(id, a, b, +label)",
        "INSERT INTO places VALUES (1, 1, 2, 'tree@example.com')",
    )
    found = {place: text for place, text in texts(body).items() if "table" in place}
    for word in ("odd@", "bare@", "full@", "tree@"):
        assert any(f"{word}example.com" in text for text in found.values())
    assert reasons(body) == []


def test_an_index_without_its_rows_is_opaque() -> None:
    body = database(
        "CREATE VIRTUAL TABLE notes USING fts5(body, content='')",
        f"INSERT INTO notes(rowid, body) VALUES (1, '{' '.join(name for _, name, _ in PEOPLE)}')",
    )
    assert Reason.OPAQUE in reasons(body)


def test_the_schema_is_read() -> None:
    body = database(
        "CREATE VIEW v AS SELECT 'view@example.com'", "CREATE INDEX i ON customers(name) WHERE mail='x'"
    )
    schema = texts(body)["customers.dat > schema"]
    assert "view@example.com" in schema
    assert "mail='x'" in schema


def test_files_in_rows_are_opened() -> None:
    inner = gzip.compress("\n".join(mail for _, _, mail in PEOPLE).encode())
    body = database("CREATE TABLE files(a)", f"INSERT INTO files VALUES (x'{inner.hex()}')")
    assert "ann40@example.com" in texts(body)['customers.dat > sqlite "files.a" > gzip']
    assert reasons(body) == []


def test_small_blobs_are_text_of_their_row() -> None:
    body = database("CREATE TABLE t(a, b)", f"INSERT INTO t VALUES (x'{b'Ann\0Smith'.hex()}', 7)")
    assert rows(body, "t")[1] == "Ann Smith\t7\n"


def test_encrypted_values_are_opaque() -> None:
    noise = random.Random(1).randbytes(2000)
    body = database("CREATE TABLE t(a)", f"INSERT INTO t VALUES (x'{noise.hex()}')")
    assert [(item.reason, item.bytes) for item in items(body) if not isinstance(item, Part)] == [
        (Reason.OPAQUE, 2000)
    ]


def with_deleted(*statements: str, encoding: str = "UTF-8") -> bytes:
    base = sqlite3.connect(":memory:")
    base.execute(f"PRAGMA encoding='{encoding}'")
    base.execute("PRAGMA secure_delete=OFF")
    base.execute("CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, mail TEXT, score REAL)")
    base.executemany("INSERT INTO customers VALUES (?, ?, ?, 1.5)", PEOPLE)
    base.commit()
    for statement in statements:
        base.execute(statement)
    base.commit()
    return base.serialize()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize(
    ("statement", "least"),
    [
        ("DELETE FROM customers", 40),
        ("DELETE FROM customers WHERE id % 3 = 0", 12),
        ("DROP TABLE customers", 40),
    ],
)
def test_deleted_rows_are_records(statement: str, least: int, encoding: str) -> None:
    found = texts(with_deleted(statement, encoding=encoding))["customers.dat > deleted rows"]
    lines = found.split("\n")
    assert sum(f"{name}\t{mail}\t1.5" in lines for _, name, mail in PEOPLE) >= least


def test_deleted_values_are_among_the_strings() -> None:
    base = sqlite3.connect(":memory:")
    base.execute("PRAGMA secure_delete=OFF")
    base.execute("CREATE TABLE t(a)")
    base.execute("INSERT INTO t VALUES ('gone@example.com'), ('here@example.com')")
    base.execute("DELETE FROM t WHERE a LIKE 'gone%'")
    base.commit()
    assert "gone@example.com" in texts(base.serialize())["customers.dat > strings"]


def test_a_free_list_that_goes_round_ends() -> None:
    body = bytearray(with_deleted("DROP TABLE customers"))
    trunk = int.from_bytes(body[32:36])
    body[(trunk - 1) * 4096 : (trunk - 1) * 4096 + 8] = trunk.to_bytes(4) + b"\xff\xff\xff\xff"
    assert items(bytes(body))


def test_a_database_with_a_log_is_read_as_it_is(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("CREATE TABLE customers(a)")
        base.execute("INSERT INTO customers VALUES ('kept@example.com')")
        base.commit()
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.execute("INSERT INTO customers VALUES ('logged@example.com')")
        base.commit()
        body, log = (tmp_path / "a.db").read_bytes(), (tmp_path / "a.db-wal").read_bytes()
    assert rows(body) == ["a\n", "kept@example.com\n"]
    assert any("logged@example.com" in text for text in texts(log).values())


def test_what_a_schema_computes_is_not_evaluated() -> None:
    body = database(
        "CREATE TABLE t(a, b AS (zeroblob(1000000000)), c AS (a || '!') STORED)",
        "INSERT INTO t(a) VALUES ('ann@example.com')",
        "CREATE VIEW endless AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT n FROM r",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT load_extension('x'); END",
    )
    assert rows(body, "t") == ["a\tc\n", "ann@example.com\tann@example.com!\n"]
    assert reasons(body) == []


def test_an_index_that_lies_hides_no_row() -> None:
    """The index covers all columns and is emptied by hand: a full scan by way of it would find nothing."""
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE customers(a)")
    base.execute("INSERT INTO customers VALUES ('ann@example.com')")
    base.execute("CREATE INDEX i ON customers(a)")
    base.commit()
    root, page = base.execute(
        "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE type='index'"
    ).fetchone()
    body = bytearray(base.serialize())
    body[(root - 1) * page : root * page] = b"\x0a\0\0\0\0\x10\0" + bytes(page - 7)
    assert "ann@example.com\n" in rows(bytes(body))


def test_a_value_that_is_too_big_is_reported_and_the_other_tables_are_read() -> None:
    body = database(
        "CREATE TABLE big(a)",
        "INSERT INTO big VALUES (zeroblob(70000000))",
        "CREATE TABLE later(a)",
        "INSERT INTO later VALUES ('later@example.com')",
    )
    assert rows(body, "later")[1] == "later@example.com\n"
    assert Reason.OVER_BUDGET in reasons(body)


def test_a_big_database_is_read_in_the_memory_of_a_parser() -> None:
    count = 100_000
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE t(a, b)")
    base.execute(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT ?)"
        " INSERT INTO t SELECT 'ann' || n || '@example.com', printf('%1000s', n) FROM r",
        (count,),
    )
    base.commit()
    body = base.serialize()
    assert len(body) > 130 << 20
    file = os.memfd_create("base")
    for start in range(0, len(body), 1 << 24):
        os.write(file, body[start : start + (1 << 24)])
    sandbox = Sandbox(lambda: False)
    seen = 0
    for found in sandbox.parse("sqlite", file, Wishes()):
        assert not isinstance(found, Left)
        if isinstance(found, Text) and found.records is not None:
            seen += found.text.count("@example.com")
    sandbox.close()
    os.close(file)
    assert seen == count


def test_a_broken_database_is_reported_and_its_strings_are_read() -> None:
    whole = database(page=512)
    for body in (whole[: len(whole) // 2], whole[:100] + bytes(412) + whole[512:]):
        assert Reason.MALFORMED in reasons(body)
        assert "@example.com" in texts(body)["customers.dat > strings"]


def test_mutations_are_read_or_reported() -> None:
    chance = random.Random(3)
    whole = database(
        "CREATE VIRTUAL TABLE notes USING fts5(body)", "INSERT INTO notes VALUES ('a b c')", page=512
    )
    for _ in range(60):
        body = bytearray(whole)
        for _ in range(chance.randrange(1, 30)):
            body[chance.randrange(16, len(body))] = chance.randrange(256)
        found = items(bytes(body))
        assert any(isinstance(item, Part) and "@example.com" in item.text for item in found)


def test_what_follows_the_last_page_is_opened() -> None:
    body = database()
    packed = gzip.compress(b"zoe@example.com,bob@example.com")
    for behind in (packed, bytes(5000) + packed):
        assert any("zoe@example.com" in text for text in texts(body + behind).values())
