"""Legacy documents by way of office-oxide: Word 6 and 95, and what the tables of pieces do not give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal

from office_oxide import Document

from exfilter.content.documents import locked
from exfilter.content.documents.compound import Compound
from exfilter.content.sandbox.found import Found, Text, Wishes

_FORMATS: dict[str, Literal["doc", "xls", "ppt"]] = {
    "WordDocument": "doc",
    "Workbook": "xls",
    "Book": "xls",
    "PowerPoint Document": "ppt",
}


def texts(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the text. Raises what office-oxide raises."""
    root = next(Compound(file).storages())
    name = next((name for stream, name in _FORMATS.items() if root.find(stream)), None)
    if name is None or wishes.again or locked.encrypted(root):
        return
    file.seek(0)
    text = Document.from_bytes(file.read(), name).plain_text()
    if text.strip():
        yield Text(text + "\n")
