"""Office documents behind a password (MS-OFFCRYPTO), by way of msoffcrypto-tool."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import BinaryIO

import msoffcrypto
from msoffcrypto.format import doc97, ppt97, xls97

from exfilter.content.documents import biff, slides, worddoc
from exfilter.content.documents.compound import Storage
from exfilter.content.sandbox.found import Found, Left, Member, Wishes
from exfilter.model import Reason

_STANDARD = ("VelvetSweatshop", "/01Hannes Ruescher/01")
"""Excel and PowerPoint open what is locked with these without asking."""
_STEP = 1 << 18


def encrypted(storage: Storage) -> bool:
    """Whether the document in a storage asks for a password."""
    document, workbook = storage.find("WordDocument"), storage.find("Workbook", "Book")
    return (
        storage.find("EncryptedPackage") is not None
        or storage.find("\x09DRMContent") is not None
        or (document is not None and worddoc.encrypted(document))
        or (workbook is not None and biff.encrypted(workbook.chunks()))
        or slides.encrypted(storage.find("Current User"))
    )


def opened(file: BinaryIO, storage: Storage, wishes: Wishes) -> Iterator[Found]:
    """Yield the document in the clear, where a password fits, and what stays locked."""
    size = file.seek(0, io.SEEK_END)
    for module in (doc97, ppt97, xls97):
        module.tempfile = SimpleNamespace(
            TemporaryFile=io.BytesIO
        )  # what is decrypted is not written to a disk
    standard = _STANDARD[1:] if storage.find("PowerPoint Document") else _STANDARD[:1]
    for password in (*standard, *wishes.passwords):
        plain = io.BytesIO()
        try:
            document = msoffcrypto.OfficeFile(file)
            document.load_key(password=password)
            document.decrypt(plain)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S112 - what msoffcrypto raises for a wrong password is not settled
            continue
        yield Member("decrypted", _pieces(plain))
        pictures = storage.find("Pictures")
        if pictures:
            yield Left(Reason.ENCRYPTED, max(1, pictures.size), "Pictures")  # they stay as they are
        return
    yield Left(Reason.ENCRYPTED, size)


def _pieces(plain: io.BytesIO) -> Iterator[bytes]:
    plain.seek(0)
    return iter(lambda: plain.read(_STEP), b"")
