"""Walks all objects of a PDF: those that count, those that an update replaced, those nobody refers to."""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pypdf import PdfReader
from pypdf.errors import LimitReachedError
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
    StreamObject,
    TextStringObject,
    read_object,
)

from exfilter.content import sniff
from exfilter.content.documents import pdfreader
from exfilter.content.sandbox.found import Found, Left, Text
from exfilter.model import Reason

OBJECTS = "objects"
"""The channel of the strings."""
_BATCH = 1 << 16
"""Characters after which lines are handed on."""
_KEPT = 256
"""Objects that pypdf may keep."""
_OBJECT = re.compile(rb"(?<![0-9])(\d{1,10})[\x00\t\n\f\r ]{1,8}(\d{1,5})[\x00\t\n\f\r ]{1,8}obj(?![A-Za-z])")
_LEAST_OBJECT = 8
"""Bytes between the beginnings of two objects. A table may point at the space in front of one."""
_FAR = 1 << 27
"""Bytes within which the end of an object is looked for."""
_TELLING = re.compile(r"@|\d{6}|\s|[^\x00-\x7f]")
"""In a name, which is a word of the format otherwise."""
_ORDINARY = frozenset(
    "/ToUnicode /FontFile /FontFile2 /FontFile3 /CIDToGIDMap /CIDSet /UseCMap /Encoding /JBIG2Globals"
    " /DestOutputProfile".split()
)
"""Keys whose streams belong to fonts, colours and pictures: no content of their own."""
_DRAWING = ("/Contents", "/XObject", "/CharProcs")
_SPACES = frozenset({"/ICCBased", "/Indexed"})
_KEYS = "|".join(
    key[1:] for key in (*sorted(_ORDINARY), *_DRAWING, *sorted(_SPACES), "/EF", "/Kids", "/Pages")
)
_WORTH = re.compile(
    rb"[(@#\x80-\xff]|(?<!<)<(?!<)|stream|/[^\s/<>\[\]()]*\d{6}|/Type\s*/ObjStm|/(?:%s)\b" % _KEYS.encode()
)
"""What an object has that tells anything. Most of them only say how a document is built, and pypdf reads
some 10,000 in a second."""
_NEAR = 1 << 16
"""Bytes within which the end of an object that tells nothing lies."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is."""

    number: int
    generation: int
    offset: int
    """In bytes from the header."""


@dataclass(slots=True)
class Seen:
    """What the walk over all objects tells about the pages and streams among them."""

    data: mmap.mmap
    streams: list[Place] = field(default_factory=list)
    kids: dict[int, list[int]] = field(default_factory=dict)
    """The tree of pages: the numbers below a number."""
    contents: dict[int, list[int]] = field(default_factory=dict)
    """The numbers of the streams that draw a page."""
    owners: dict[int, int] = field(default_factory=dict)
    """The number of a page that a stream draws, now or before."""
    drawing: dict[str, set[int]] = field(default_factory=lambda: {key: set() for key in _DRAWING})
    """The numbers of the streams that a key of a page, of its resources or of a font names."""
    ordinary: set[int] = field(default_factory=set)
    files: dict[int, str] = field(default_factory=dict)
    """The names of attachments."""
    failed: int = 0
    """Bytes of objects that pypdf could not read."""

    def shown(self, root: int) -> set[int]:
        """Return the numbers of the streams that draw the pages below the root."""
        waiting, seen = [root], {root}
        while waiting:
            below = [number for number in self.kids.get(waiting.pop(), ()) if number not in seen]
            seen.update(below)
            waiting += below
        return {number for page in seen for number in self.contents.get(page, ())}

    def size(self, place: Place) -> int:
        """Return the bytes of an object up to its end."""
        start = pdfreader.header(self.data) + place.offset
        end = self.data.find(b"endobj", start, start + _FAR)
        return max(1, (end if end >= 0 else len(self.data)) - start)


def current(reader: PdfReader, place: Place) -> bool:
    """Whether an object counts: no update has replaced it."""
    return bool(reader.xref.get(place.generation, {}).get(place.number) == place.offset)


def at(reader: PdfReader, place: Place) -> PdfObject | None:
    """Return the object at a place, whatever the tables say."""
    if len(reader.resolved_objects) > _KEPT:
        reader.resolved_objects.clear()
    reference = IndirectObject(place.number, place.generation, reader)
    held, key = reader.xref.setdefault(place.generation, {}), (place.generation, place.number)
    before, packed = held.get(place.number), reader.xref_objStm.pop(place.number, None)
    if before == place.offset and packed is None:
        return reader.get_object(reference)
    reader.resolved_objects.pop(key, None)
    held[place.number] = place.offset
    try:
        return reader.get_object(reference)
    finally:
        reader.resolved_objects.pop(key, None)
        del held[place.number]
        if before is not None:
            held[place.number] = before
        if packed is not None:
            reader.xref_objStm[place.number] = packed


def strings(reader: PdfReader, seen: Seen) -> Iterator[Found]:
    """Yield the strings of all objects, a line for each; note what else they tell."""
    lines: list[str] = []
    size = 0
    for place in _places(reader, seen.data):
        try:
            found = at(reader, place) if _worth(place, seen.data) else None
            for number, each in _inner(found, place.number, reader):
                _note(number, each, seen)
                line = "\t".join(_walk(each, seen))
                lines += [line] if line else []
                size += len(line)
            if isinstance(found, StreamObject):
                seen.streams.append(place)
        except (MemoryError, LimitReachedError):
            reader.resolved_objects.clear()
            yield Left(Reason.OVER_BUDGET, seen.size(place), f"object {place.number}")
        except Exception:  # noqa: BLE001 - pypdf raises anything: the other objects may be whole
            seen.failed += seen.size(place)
        if size > _BATCH:
            yield Text("\n".join(lines) + "\n", OBJECTS)
            lines, size = [], 0
    if lines:
        yield Text("\n".join(lines) + "\n", OBJECTS)


def _worth(place: Place, data: mmap.mmap) -> bool:
    """Whether an object may tell anything."""
    start = pdfreader.header(data) + place.offset
    end = data.find(b"endobj", start, start + _NEAR)
    return end < 0 or _WORTH.search(data, start, end) is not None


def _places(reader: PdfReader, data: mmap.mmap) -> Iterator[Place]:
    """Yield the objects that count, then all others that lie in the file."""
    known = set()
    for generation, held in list(reader.xref.items()):
        for number, offset in list(held.items()):
            known.add(offset)
            yield Place(number, generation, offset)
    reader.xref_free_entry.clear()
    start = pdfreader.header(data)
    for found in _OBJECT.finditer(data):
        offset = found.start() - start
        if known.isdisjoint(range(offset - _LEAST_OBJECT, offset + 1)):
            yield Place(int(found[1]), int(found[2]), offset)


def _inner(found: PdfObject | None, number: int, reader: PdfReader) -> Iterator[tuple[int, PdfObject]]:
    """Yield an object and, where it is a stream of objects, those in it (ISO 32000-1, section 7.5.7)."""
    if found is None:
        return
    yield number, found
    if not isinstance(found, StreamObject) or found.get("/Type") != "/ObjStm":
        return
    data = found.get_data()
    first = found.get("/First")
    start = int(first) if isinstance(first, NumberObject) else 0
    stream = io.BytesIO(data)
    pairs = [int(word) for word in re.findall(rb"\d{1,10}", data[:start])]
    bounds = [start + offset for offset in pairs[1::2]]
    for inside, begin, end in zip(pairs[::2], bounds, [*bounds[1:], len(data)], strict=False):
        if _WORTH.search(data, begin, max(begin, end)):
            stream.seek(begin)
            inner = read_object(stream, reader)
            if inner is not None:
                yield inside, inner


def _note(number: int, found: PdfObject, seen: Seen) -> None:
    """Note where an object stands in the tree of pages. Those that count are seen first."""
    if not isinstance(found, DictionaryObject):
        return
    for key in ("/Pages", "/Kids"):
        if key in found:
            below = [*_references(found.raw_get(key)), *_references(found.get(key))]
            seen.kids.setdefault(number, below)
    if "/Contents" in found and found.get("/Type") == "/Page":
        held = {*_references(found.raw_get("/Contents")), *_references(found.get("/Contents"))}
        seen.contents.setdefault(number, list(held))
        for stream in held:
            seen.owners.setdefault(stream, number)


def _walk(top: PdfObject, seen: Seen) -> Iterator[str]:
    """Yield the strings in an object; references are not followed."""
    waiting: list[object] = [top]
    while waiting:
        item = waiting.pop()
        if isinstance(item, DictionaryObject):
            _roles(item, seen)
            for key in reversed(item):
                waiting.append(item.raw_get(key))
                if _TELLING.search(key):
                    waiting.append(TextStringObject(key))
        elif isinstance(item, ArrayObject):
            if item and isinstance(item[0], NameObject) and item[0] in _SPACES:
                seen.ordinary.update(_references(item))
            waiting.extend(reversed(item))
        elif (text := words(item)) and not text.isspace():
            yield text


def words(item: object) -> str:
    """Return the text of a string, or of a name that is no word of the format."""
    if isinstance(item, NameObject):
        return str(item) if _TELLING.search(item) else ""
    if isinstance(item, TextStringObject):
        return str(item)
    if isinstance(item, ByteStringObject) and sniff.textual(item):
        return item.decode("utf-8", "replace")
    return ""


def _roles(item: DictionaryObject, seen: Seen) -> None:
    """Note what a dictionary tells about the streams that it refers to."""
    for key in _ORDINARY.intersection(item):
        seen.ordinary.update(_references(item.raw_get(key)))
    for key in _DRAWING:
        if key in item:
            seen.drawing[key].update(_references(item.raw_get(key)), _references(item.get(key)))
    held = item.get("/EF") if "/EF" in item else None
    if isinstance(held, DictionaryObject):  # an attachment (ISO 32000-1, section 7.11.3)
        names = [item.get(key) for key in ("/UF", "/F", "/Desc")]
        name = next((str(each) for each in names if isinstance(each, str) and each), "attachment")
        seen.files.update(dict.fromkeys(_references(held), name))


def _references(value: object) -> Iterator[int]:
    """Yield the numbers of the objects that a value, an array or a dictionary refers to."""
    inner: Iterable[object] = [value]
    if isinstance(value, StreamObject):
        inner = ()
    elif isinstance(value, ArrayObject):
        inner = value
    elif isinstance(value, DictionaryObject):
        inner = [value.raw_get(key) for key in value]
    return (item.idnum for item in inner if isinstance(item, IndirectObject))
