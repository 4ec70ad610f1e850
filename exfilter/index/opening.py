"""What kind of customer table a file is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exfilter.index import charset
from exfilter.index.delimited import DelimitedTable
from exfilter.index.jsonlines import JsonTable
from exfilter.index.parquet import ParquetTable
from exfilter.index.table import SNIFFED, Table, opened

if TYPE_CHECKING:
    from pathlib import Path

PARQUET = b"PAR1"
NOT_TABLES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")


def open_table(path: Path) -> Table:
    """Return the table in a file, recognised by its content and then by its name.

    Raises ValueError for what is no table, OSError for what cannot be opened.
    """
    if path.is_dir():
        msg = f"{path} is a folder: give the customer table in it"
        raise IsADirectoryError(msg)
    if path.exists() and not path.is_file():
        msg = f"{path} is no file: a table is read twice, so save it to a file first"
        raise ValueError(msg)
    with opened(path) as file:
        head = file.content.read(SNIFFED)
    if head.startswith(PARQUET):
        return ParquetTable(path)
    if head.startswith(NOT_TABLES):
        msg = f"{path} is a spreadsheet, archive or document: save the table as CSV"
        raise ValueError(msg)
    found = charset.detect(path)
    start = head.decode(found.codec, "replace").lstrip("\ufeff \t\r\n\0")
    if not start:
        msg = f"{path} is empty: there is no table in it"
        raise ValueError(msg)
    if start[0] == "{" or (start[0] == "[" and ".json" in path.suffixes):
        return JsonTable(path, found)
    return DelimitedTable(path, found, start)
