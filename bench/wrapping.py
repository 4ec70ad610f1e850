"""The same text in every format: what reading a format costs is told by the text that is in it."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgpack
import pyarrow as pa
import xlsxwriter
import xlwt
from docx import Document
from pyarrow import parquet
from reportlab.pdfgen.canvas import Canvas

from fixtures.wrapped.archives import compressed, seven, tarred, zipped
from fixtures.wrapped.containers import iso
from fixtures.wrapped.data import stored
from fixtures.wrapped.mail import message
from fixtures.wrapped.office import letter, saved

LINES = 20_000
"""Of text, in the formats that are quick to write."""
FEW = 4_000
"""In the others."""


def lines(file: Path, count: int) -> list[str]:
    """Return lines of ordinary text that every format can hold."""
    found: list[str] = []
    with file.open(encoding="ascii", errors="ignore") as text:
        for line in text:
            plain = "".join(char for char in line if char.isprintable()).strip()
            if len(plain) > 20:
                found.append(plain[:110])
                if len(found) == count:
                    break
    return found


def formats() -> Iterator[tuple[str, int, Callable[[Sequence[str]], bytes]]]:
    """Yield format, number of lines and what writes them."""
    yield from (
        ("text", LINES, _text),
        ("text, UTF-16", LINES, lambda some: "\n".join(some).encode("utf-16")),
        ("JSON lines", LINES, _json),
        ("HTML", LINES, _html),
        ("base64 in JSON", LINES, lambda some: json.dumps({"a": _base64(some)}).encode()),
        ("hex", LINES, lambda some: _text(some).hex().encode()),
        ("MessagePack", LINES, lambda some: msgpack.packb([line.split() for line in some])),
        ("gzip", LINES, lambda some: gzip.compress(_text(some))),
        ("bzip2", LINES, lambda some: bz2.compress(_text(some))),
        ("xz", LINES, lambda some: lzma.compress(_text(some))),
        ("zstd", LINES, lambda some: compressed("zstd")(_text(some))),
        ("lz4", LINES, lambda some: compressed("lz4")(_text(some))),
        ("zlib", LINES, lambda some: zlib.compress(_text(some))),
        ("zip", LINES, lambda some: zipped(_members(some))),
        ("zip in zip in zip", LINES, lambda some: zipped({"a": zipped({"b": zipped(_members(some))})})),
        ("tar.gz", LINES, lambda some: tarred(_members(some), "w:gz")),
        ("7z", LINES, lambda some: seven(_members(some))),
        ("iso", LINES, lambda some: iso(_members(some))),
        ("mail, zip attached", LINES, _mail),
        ("SQLite", LINES, _sqlite),
        ("Parquet", LINES, _parquet),
        ("docx", FEW, _docx),
        ("xlsx", LINES, _xlsx),
        ("xls", LINES, _xls),
        ("odt", FEW, letter),
        ("rtf", LINES, _rtf),
        ("pdf", FEW, _pdf),
    )


def _text(some: Sequence[str]) -> bytes:
    return "\n".join(some).encode()


def _json(some: Sequence[str]) -> bytes:
    return "".join(json.dumps({"n": n, "text": line}) + "\n" for n, line in enumerate(some)).encode()


def _html(some: Sequence[str]) -> bytes:
    safe = (line.replace("&", "&amp;").replace("<", "&lt;") for line in some)
    return f"<!doctype html><body>{''.join(f'<p>{line}</p>' for line in safe)}</body>".encode()


def _base64(some: Sequence[str]) -> str:
    return base64.b64encode(_text(some)).decode()


def _members(some: Sequence[str]) -> dict[str, bytes]:
    return {f"{start}.txt": _text(some[start : start + 1000]) for start in range(0, len(some), 1000)}


def _mail(some: Sequence[str]) -> bytes:
    mail = message()
    mail.add_attachment(zipped(_members(some)), "application", "zip", filename="a.zip")
    return bytes(mail)


def _parquet(some: Sequence[str]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table({"n": range(len(some)), "text": some}), out)
    return out.getvalue()


def _docx(some: Sequence[str]) -> bytes:
    document = Document()
    for line in some:
        document.add_paragraph(line)
    return saved(document)


def _xlsx(some: Sequence[str]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet()
    for number, line in enumerate(some):
        sheet.write_row(number, 0, line.split(" ", 4))
    book.close()
    return out.getvalue()


def _xls(some: Sequence[str]) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("a")
    for number, line in enumerate(some):
        for column, cell in enumerate(line.split(" ", 4)):
            sheet.write(number, column, cell)
    return saved(book)


def _rtf(some: Sequence[str]) -> bytes:
    text = "".join(f"{line}\n" for line in some)
    for sign in "\\{}":
        text = text.replace(sign, f"\\{sign}")
    return b"{\\rtf1\\ansi " + text.replace("\n", "\\par\n").encode() + b"}"


def _sqlite(some: Sequence[str]) -> bytes:
    def fill(link: sqlite3.Connection) -> None:
        link.execute("CREATE TABLE lines (n INTEGER PRIMARY KEY, text TEXT)")
        link.executemany("INSERT INTO lines VALUES (?, ?)", enumerate(some))

    return stored(fill)


def _pdf(some: Sequence[str]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=1)
    for start in range(0, len(some), 60):
        for place, line in enumerate(some[start : start + 60]):
            canvas.drawString(30, 820 - 13 * place, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()
