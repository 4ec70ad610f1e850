"""The text of what a compound file holds: documents, workbooks, presentations, messages, at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from exfilter.content.documents import biff, msg, slides, worddoc
from exfilter.content.documents.compound import Compound, Storage
from exfilter.content.sandbox.found import Found, Left, Wishes
from exfilter.model import Reason


def texts(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the texts. What is encrypted is reported where the streams are read."""
    if wishes.again:
        return
    for storage in Compound(file).storages():
        try:
            yield from _texts(storage)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - tables that contradict each other: the other storages may be whole
            size = sum(stream.size for stream in storage.streams.values())
            yield Left(Reason.MALFORMED, size, "/".join(storage.path))


def _texts(storage: Storage) -> Iterator[Found]:
    document = storage.find("WordDocument")
    if document and not worddoc.encrypted(document):
        yield from worddoc.texts(storage, document)
    for name in ("Workbook", "Book"):
        workbook = storage.find(name)
        if workbook and not biff.encrypted(workbook.chunks()):
            yield from biff.rows(workbook.chunks())
    if storage.path[-1:] == ("_SX_DB_CUR",):  # what pivot tables remember
        for cache in storage.streams.values():
            yield from biff.rows(cache.chunks())
    presentation = storage.find("PowerPoint Document")
    if presentation and not slides.encrypted(storage.find("Current User")):
        yield from slides.found(presentation)
    if storage.find(msg.PROPERTIES):
        yield from msg.found(storage)
