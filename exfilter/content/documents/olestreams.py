"""What lies beside the text in a compound file: properties, macros, pictures, embedded files.

A stream whose name no Office program uses is opened like a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from exfilter.content import binary, charset, sniff
from exfilter.content.documents import biff, blips, locked, msg, packages, summary, vba
from exfilter.content.documents.compound import Compound, Storage, Stream
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.model import Reason

_DOCUMENTS = ("WordDocument", "Workbook", "Book", "PowerPoint Document", msg.PROPERTIES, "EncryptedPackage")
_KNOWN = re.compile(
    r"[01]table|current user|header|[\x01-\x06].*|user names|revision log|ctls|objinfo|equation native"
    r"|listnames|__srp_.*|_vba_project|project(?:wm|lk)?|dir|vbframe|[fox]|i\d+|\d{4}"
    r"|__properties_version1\.0|__substg1\.0_.*|encryptioninfo|encrypted(?:package|summary)|version|primary|dataspacemap",
    re.DOTALL,
)
"""Names that Office programs use, in small letters."""
_ALWAYS = re.compile(r"[\x01-\x06].*|equation native", re.DOTALL)
"""Those of them that lie in files of other programs too."""
_SUMMARIES = frozenset({"\x05summaryinformation", "\x05documentsummaryinformation"})
_BOOKS = frozenset({"workbook", "book"})
_PICTURED = _BOOKS | {"data", "pictures", "worddocument", "powerpoint document"}
_DRAWINGS, _CONTINUE = 0xEB, 0x3C


def streams(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield everything but the text that ``oletexts`` yields."""
    compound = Compound(file)
    storages = list(compound.storages())
    document = any(storage.find(*_DOCUMENTS) for storage in storages)
    for storage in storages:
        if locked.encrypted(storage):
            if storage.path:
                held = sum(stream.size for stream in storage.streams.values())
                yield Left(Reason.ENCRYPTED, held, "/".join(storage.path))
            else:
                yield from locked.opened(file, storage, wishes)
        if not wishes.again and storage.path[:1] != ("\x06DataSpaces",):  # how the rest is locked
            for stream in storage.streams.values():
                yield from _stream(storage, stream, _KNOWN if document else _ALWAYS)
    if not wishes.again:
        yield from compound.behind()


def _stream(storage: Storage, stream: Stream, known: re.Pattern[str]) -> Iterator[Found]:
    """Yield what a stream holds. One that is scattered over the file is searched for strings here."""
    name = stream.name.lower()
    if storage.path[-1:] and storage.path[-1].lower() == "vba":
        for source in vba.sources(stream.read()):
            yield Text(charset.Decoder("").decode(source) + "\n", "macros")
    elif name == "\x01ole10native":
        yield from packages.native(stream.read())
    elif name in _SUMMARIES:
        values = "\n".join(value for value in summary.texts(stream.read()) if value.strip())
        yield Text(values + "\n", "properties")
    elif name in _PICTURED:
        yield from blips.pictures(_drawings(stream) if name in _BOOKS else stream.read())
    elif not known.fullmatch(name) or (sniff.signature(stream.head()) and not name.startswith("__substg")):
        yield Member(stream.name, stream.chunks())
        return
    if stream.scattered:
        for chunk in stream.chunks():
            yield Text("\n".join(binary.strings(chunk)) + "\n", "streams")


def _drawings(stream: Stream) -> bytes:
    """Return the pictures of a workbook: they go over the borders of records."""
    held = bytearray()
    inside = False
    for kind, data in biff.records(stream.chunks()):
        inside = kind == _DRAWINGS or (inside and kind == _CONTINUE)
        if inside:
            held += data
    return bytes(held)
