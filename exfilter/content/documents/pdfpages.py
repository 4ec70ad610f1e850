"""The text of the pages of a PDF, by way of pdfium, in the order in which they draw it."""

from __future__ import annotations

import ctypes
import mmap
import re
import resource
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pypdfium2
import pypdfium2.raw

from exfilter.content.sandbox.found import Found, Left, Text, Wishes
from exfilter.model import Reason

_HYPHEN = "\ufffe"
"""What pdfium makes of a hyphen at the end of a line: it joins the lines by it."""
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufff0-\ufffd\uffff]")
_FEW = 20
"""Characters below which nothing is said about a font."""
_DRAWN = 100
"""Lines and curves from which on a page without text may be text that was drawn."""
_SPARED = 96 << 20
"""Bytes less than other parsers may use."""
_PATIENCE = 100
"""Pages that cannot be loaded, one after the other, before the rest is left."""


def pages(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the text of each page, and the pages whose text cannot be had."""
    # pdfium holds what it makes of a stream, and dies of too much: it is not to hold all that it may.
    data_limit = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if data_limit > _SPARED:
        resource.setrlimit(resource.RLIMIT_DATA, (data_limit - _SPARED, data_limit))
    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        # A view that pdfium reads in place: a copy would count against the memory.
        view = np.frombuffer(data, dtype=np.uint8)
        try:
            yield from _read(view.ctypes.data, len(view), wishes)
        finally:
            del view


def _read(address: int, size: int, wishes: Wishes) -> Iterator[Found]:
    document, code = _opened(address, size, wishes)
    if not document:
        locked = code in (pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY)
        yield Left(Reason.ENCRYPTED if locked else Reason.MALFORMED, size)
        return
    count = pypdfium2.raw.FPDF_GetPageCount(document)
    failed = missing = 0
    for number in range(count):
        page = pypdfium2.raw.FPDF_LoadPage(document, number)
        missing = 0 if page else missing + 1
        failed += not page
        if missing > _PATIENCE:
            break
        if page:
            yield from _page(page, number + 1, max(1, size // count))
            pypdfium2.raw.FPDF_ClosePage(page)
    if failed or not count:
        yield Left(Reason.MALFORMED, max(1, size * failed // max(1, count)))
    pypdfium2.raw.FPDF_CloseDocument(document)


def _opened(address: int, size: int, wishes: Wishes) -> tuple[object, int]:
    """Return the document, or nothing and why."""
    code = 0
    for password in ("", *wishes.passwords):
        key = password.encode("utf-8", "surrogateescape") + b"\0"
        document = pypdfium2.raw.FPDF_LoadMemDocument64(ctypes.c_void_p(address), size, key)
        if document:
            return document, 0
        code = pypdfium2.raw.FPDF_GetLastError()
        if code != pypdfium2.raw.FPDF_ERR_PASSWORD:
            break
    return None, code


def _page(page: object, number: int, size: int) -> Iterator[Found]:
    text = _text(page).replace("\r\n", "\n")
    if text:
        yield Text(text.replace(_HYPHEN, "-") + "\n\n")
    if _HYPHEN in text:
        joined = [line.replace(_HYPHEN, "") for line in text.split("\n") if _HYPHEN in line]
        yield Text("\n".join(joined) + "\n", "without hyphens")
    step = f"page {number}"
    if len(text) >= _FEW and len(_UNREADABLE.findall(text)) > len(text) // 3:
        yield Left(Reason.OPAQUE, size, step)  # a font that does not say what its signs mean
    elif not text.strip() and _drawn(page):
        yield Left(Reason.UNSUPPORTED, size, step)


def _text(page: object) -> str:
    """Return all text of a page, also what lies outside it, what is hidden, and what is white."""
    held = pypdfium2.raw.FPDFText_LoadPage(page)
    if not held:
        return ""
    count = pypdfium2.raw.FPDFText_CountChars(held)
    units = (ctypes.c_ushort * (2 * max(0, count) + 1))()
    written = pypdfium2.raw.FPDFText_GetText(held, 0, count, units) if count > 0 else 0
    pypdfium2.raw.FPDFText_ClosePage(held)
    return bytes(memoryview(units)[: max(0, written - 1)]).decode("utf-16-le", "replace")


def _drawn(page: object) -> bool:
    """Whether a page is made of many lines and curves."""
    paths = 0
    for number in range(pypdfium2.raw.FPDFPage_CountObjects(page)):
        item = pypdfium2.raw.FPDFPage_GetObject(page, number)
        if pypdfium2.raw.FPDFPageObj_GetType(item) == pypdfium2.raw.FPDF_PAGEOBJ_PATH:
            paths += max(1, pypdfium2.raw.FPDFPath_CountSegments(item))
            if paths >= _DRAWN:
                return True
    return False
