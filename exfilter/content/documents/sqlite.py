"""SQLite databases: every row of every table, and the files that lie in them.

Only what is stored is read: no view, trigger, virtual table, index or generated column is evaluated, so
that a schema cannot make the library compute or hide a row. What a virtual table holds is in its shadow
tables. Rows that were deleted are read as far as they are still there.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from mmap import ACCESS_WRITE, mmap
from typing import BinaryIO

from exfilter.content.archives import memory
from exfilter.content.content import shown
from exfilter.content.documents import sqlitefree
from exfilter.content.documents.cells import decoded, is_file
from exfilter.content.documents.cells import shown as cell
from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.model import Reason

_ROOM = 176 << 20
"""Bytes for the library's copy of a database, and for its values."""
_VALUE = 16 << 20
"""Bytes that a value may have in any case: it is held three times over."""
_FILES = 5000
_NAMED = 100
"""Tables that are shown by their names."""
_VERSIONS = slice(18, 20)
"""Where the header says that there is a write-ahead log, without which the library opens nothing (section
1.3 of the file format)."""
_LEGACY = b"\x01\x01"
_STORED = (0, 3)
"""Of ``table_xinfo.hidden``: ordinary columns, and generated ones whose values are stored."""
_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\s", re.IGNORECASE)
_SOURCE = re.compile(r"\bcontent\s*=\s*[\"'`\[]?(\w+)", re.IGNORECASE)


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the schema, the rows of the tables and the BLOBs that may be files."""
    data = mmap(file.fileno(), 0, access=ACCESS_WRITE)
    size = len(data)
    if size > _ROOM - 2 * _VALUE:
        yield Left(Reason.OVER_BUDGET, size)
        return
    data[_VERSIONS] = _LEGACY
    database = sqlite3.connect(":memory:")
    database.deserialize(data)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(_VALUE, (_ROOM - size) // 3))
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.text_factory = decoded
    yield from Database(database, size).found()
    deleted = Rows("deleted rows")
    for row in sqlitefree.rows(data):
        deleted.add("\t".join(map(cell, row)) + "\n")
        yield from deleted.pieces()
    yield from deleted.pieces(last=True)
    yield from memory.rest(data, min(size, _pages(data)), size)


def _pages(data: mmap) -> int:
    """Return how many bytes the pages have, as the header says if it is up to date (section 1.3.7)."""
    if data[24:28] != data[92:96]:
        return len(data)
    page = int.from_bytes(data[16:18]) & 0xFFFE or 1 << 16
    return page * int.from_bytes(data[28:32]) or len(data)


class Database:
    """What is stored in an open database."""

    def __init__(self, database: sqlite3.Connection, size: int) -> None:
        """Read `database`, of so many bytes."""
        self._database = database
        self._size = size
        self._files = 0
        self._left = 0

    def found(self) -> Iterator[Found]:
        """Yield all of it. What cannot be read of one table does not end the others."""
        schema = list(self._database.execute("SELECT type, name, sql FROM sqlite_schema"))
        yield Text("\n".join(str(sql) for _, _, sql in schema if sql), "schema")
        virtual = {name: sql for kind, name, sql in schema if kind == "table" and _VIRTUAL.match(sql or "")}
        tables = [name for kind, name, _ in schema if kind == "table" and name not in virtual]
        indexes = {
            shadow
            for name, sql in virtual.items()
            if _holds_content(name, sql, tables)
            for shadow in tables
            if shadow.startswith(f"{name}_")
        }
        for number, name in enumerate(tables):
            rows = Rows(f'table "{shown(name)}"' if number < _NAMED else "tables")
            try:
                yield from self._table(name, rows, files=name not in indexes)
            except sqlite3.DataError:
                yield Left(Reason.OVER_BUDGET, self._size)
            except (sqlite3.Error, ValueError):
                yield Left(Reason.MALFORMED, self._size)
            yield from rows.pieces(last=True)
        if self._left:
            yield Left(Reason.OVER_BUDGET, self._left)

    def _table(self, name: str, rows: Rows, *, files: bool) -> Iterator[Found]:
        columns = [
            column
            for column, hidden in self._database.execute(
                "SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)
            )
            if hidden in _STORED
        ]
        rows.add("\t".join(columns) + "\n")
        chosen = ", ".join(map(_quoted, columns))
        # Of what an index says nothing is believed.
        for row in self._database.execute(f"SELECT {chosen} FROM {_quoted(name)} NOT INDEXED"):  # noqa: S608
            rows.add("\t".join(map(cell, row)) + "\n")
            yield from rows.pieces()
            for column, value in zip(columns, row, strict=True):
                if files and isinstance(value, bytes) and is_file(value):
                    yield from self._file(f"{name}.{column}", value)

    def _file(self, name: str, value: bytes) -> Iterator[Member]:
        self._files += 1
        if self._files > _FILES:
            self._left += len(value)
        else:
            yield Member(name, (value,))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _holds_content(name: str, sql: str, tables: list[str]) -> bool:
    """Whether the rows that a full-text index was made of are stored, and the index tells nothing more."""
    source = _SOURCE.search(sql)
    return f"{name}_content" in tables or f"{name}_node" in tables or bool(source and source[1] in tables)
