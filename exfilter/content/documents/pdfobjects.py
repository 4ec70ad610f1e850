"""Everything in a PDF beside the text of its pages, by way of pypdf.

A library that gives "the text" drops the places where leaks hide. So every object is walked: its
strings (properties, annotations, values of forms, bookmarks, links, scripts) are a text, its streams
are opened (attachments, XMP, forms in XML, scripts, pictures) or known to be something else, and what
draws something that no page shows is read as a page.
"""

from __future__ import annotations

import codecs
import io
import mmap
import re
from collections.abc import Generator, Iterator
from typing import BinaryIO, cast

from pypdf import PageObject, PdfReader
from pypdf.errors import LimitReachedError
from pypdf.generic import (
    DictionaryObject,
    EncodedStreamObject,
    IndirectObject,
    NameObject,
    StreamObject,
    read_object,
)

from exfilter.content import sniff
from exfilter.content.documents import inflate, pdfreader, pictures
from exfilter.content.documents.pdfwalk import OBJECTS, Place, Seen, at, current, strings, words
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.model import Reason

UNSEEN = "unseen"
"""The channel of what is drawn on no page."""
_STEP = 1 << 14
_HEAD = 1 << 12
_BLANK = b"\x00\t\n\f\r "
_END = b"%%EOF"
_LEVELS = 50
_TYPED = ("/FunctionType", "/ShadingType", "/HalftoneType", "/Length1", "/Length3")
_TYPES = frozenset({"/XRef", "/CMap", "/ObjStm"})
_CODECS = frozenset({"/DCTDecode", "/JPXDecode", "/CCITTFaxDecode", "/JBIG2Decode"})
_FONTS = frozenset({"/Type1C", "/CIDFontType0C", "/OpenType"})
_INLINE = re.compile(rb"(?<![^\s])BI\s*/[^()]{1,500}?\sID\s")
_PROGRAMS = re.compile(rb"\s*(?:%!|%%|\{|/CIDInit|/CMapName|begincmap)")
"""How fonts, their tables and functions begin where they are text."""
_NUMBERS = re.compile(rb"\s*(?:\d{1,10}\s+){2}")
"""How a stream of objects begins: with their numbers and places."""
_OPERANDS = re.compile(rb"\((?:[^()\\]|\\.)*+\)?|<[^<>]*+>|/[^\s/<>\[\]()]+", re.DOTALL)
_LETTERS = re.compile(rb"[A-Za-z]{6,}")
_FEW = 20
"""Words in what draws, beside its strings and names: operators are shorter, comments and tables are not."""
_ACTUAL = re.compile(rb"/ActualText\s*(?=[(<])")


def objects(file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield the strings of all objects, what their streams hold, and what no page shows any more."""
    data = pdfreader.mapped(file)
    yield from _around(data)
    reader = pdfreader.opened(data, wishes)
    if reader is None:
        yield Left(Reason.ENCRYPTED, len(data))
        return
    seen = Seen(data)
    yield from strings(reader, seen)
    root = reader.trailer.raw_get("/Root") if "/Root" in reader.trailer else None
    yield from _streams(reader, seen, seen.shown(root.idnum if isinstance(root, IndirectObject) else 0))
    if seen.failed:
        yield Left(Reason.MALFORMED, seen.failed)


def _around(data: mmap.mmap) -> Iterator[Found]:
    """Yield the bytes before the header and behind the last end: another file may lie there."""
    before = data[: pdfreader.header(data)]
    if before.strip(_BLANK):
        yield Member("beginning", [before])
    end = data.rfind(_END) + len(_END)
    if end >= len(_END) and data[end : end + _STEP].strip(_BLANK):
        yield Member("end", (data[start : start + _STEP] for start in range(end, len(data), _STEP)))


def _streams(reader: PdfReader, seen: Seen, shown: set[int]) -> Iterator[Found]:
    """Yield what the streams hold; `shown`: those that draw the pages, whose text is read elsewhere."""
    inline = 0
    for place in seen.streams:
        try:
            stream = at(reader, place)
            if not isinstance(stream, StreamObject):
                continue
            if _draws(stream, place, seen):
                data = stream.get_data()
                if sniff.container(data, 0) >= 0:
                    yield Member(f"object {place.number}", [data])
                inline += yield from _drawn(data)
                known = current(reader, place) and place.number in shown | seen.drawing["/XObject"]
                if not known and b"BT" in data:
                    yield Text(_text(reader, stream, seen.owners.get(place.number, 0)) + "\n\n", UNSEEN)
            else:
                yield from _opened(stream, place, seen)
        except (MemoryError, LimitReachedError):
            reader.resolved_objects.clear()
            yield Left(Reason.OVER_BUDGET, seen.size(place), f"object {place.number}")
        except Exception:  # noqa: BLE001 - as above
            seen.failed += seen.size(place)
    if inline:
        yield Left(Reason.UNSUPPORTED, inline, "inline pictures")


def _draws(stream: StreamObject, place: Place, seen: Seen) -> bool:
    """Whether a stream draws something."""
    form = stream.get("/Subtype") == "/Form" or "/PatternType" in stream
    return form or place.number in seen.owners or place.number in seen.drawing["/CharProcs"]


def _text(reader: PdfReader, stream: StreamObject, owner: int) -> str:
    """Return the text that a form draws, or what a page would show by a stream that it once had."""
    page = PageObject(reader)
    if not owner:
        return page.extract_xform_text(cast("EncodedStreamObject", stream))
    held = reader.get_object(owner)
    page.update(held if isinstance(held, DictionaryObject) else {})
    for _ in range(_LEVELS):
        if "/Resources" in page or not isinstance(held, DictionaryObject):
            break
        held = held.get("/Parent")  # they are inherited
        if isinstance(held, DictionaryObject) and "/Resources" in held:
            page[NameObject("/Resources")] = held.raw_get("/Resources")
    page[NameObject("/Contents")] = stream
    return page.extract_text()


def _drawn(data: bytes) -> Generator[Found, None, int]:
    """Yield what a page says beside what it shows. Returns the bytes of the pictures in it."""
    ends = [found.end() for found in _ACTUAL.finditer(data)]
    said = [words(read_object(io.BytesIO(data[end : end + _STEP]), None)) for end in ends]
    if said:
        yield Text("\n".join(said) + "\n", OBJECTS)
    beside = _LETTERS.findall(_OPERANDS.sub(b" ", data))
    if len(beside) > _FEW:
        yield Text(data.decode("latin-1") + "\n", UNSEEN)
    size = start = 0
    while inline := _INLINE.search(data, start):
        start = data.find(b"EI", inline.end())
        start = start if start >= 0 else len(data)
        size += start - inline.end()
    return size


def _opened(stream: StreamObject, place: Place, seen: Seen) -> Iterator[Found]:
    """Yield a stream as what it is. It is opened unless it is a font, a function, or a colour profile."""
    if stream.get("/Subtype") == "/Image" or {"/Width", "/Height"} <= stream.keys():
        ending, data = pictures.file(stream)
        yield Member(f"picture {place.number}.{ending}", data)
        if _plain(stream):
            yield Member(f"object {place.number}", _chunks(stream))
    elif place.number in seen.files or stream.get("/Type") == "/EmbeddedFile":
        yield Member(seen.files.get(place.number, "attachment"), _chunks(stream))
    elif not _ordinary(stream, place, seen) or _plain(stream) or _packed(stream):
        name = "metadata" if stream.get("/Type") == "/Metadata" else f"object {place.number}"
        yield Member(name, _chunks(stream))


def _ordinary(stream: StreamObject, place: Place, seen: Seen) -> bool:
    return (
        place.number in seen.ordinary
        or stream.get("/Type") in _TYPES
        or stream.get("/Subtype") in _FONTS
        or any(key in stream for key in _TYPED)
        or {"/N", "/Alternate"} <= stream.keys()
        or isinstance(stream.get("/S"), int)  # hints for the first page (ISO 32000-1, annex F.4)
    )


def _plain(stream: StreamObject) -> bool:
    """Whether a stream that should be something else is text."""
    if _CODECS.intersection(pictures.filters(stream)):
        return False
    head = next(iter(_chunks(stream)), b"")[:_HEAD]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    if stream.get("/Type") == "/ObjStm" and _NUMBERS.match(head):
        return False
    return bool(head) and sniff.textual(head) and not _PROGRAMS.match(head)


def _packed(stream: StreamObject) -> bool:
    """Whether an archive, a document or compressed data lies in a stream that should be something else."""
    return any(sniff.container(chunk, 0) >= 0 for chunk in _chunks(stream))


def _chunks(stream: StreamObject) -> Iterator[bytes]:
    """Yield the bytes of a stream. Raises what pypdf or zlib raises where they end early."""
    names = pictures.filters(stream)
    raw = StreamObject.get_data(stream)
    if names == ["/FlateDecode"] and "/Predictor" not in pictures.parameters(stream):
        yield from inflate.zlib_chunks(raw)
    else:
        yield stream.get_data() if names else raw
