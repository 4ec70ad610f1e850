"""What stands between Python's text and the native kernel: folding, classes of letters, look-up."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

import exfilter.kernel.native as native  # noqa: PLR0402 - a missing module, not a missing name
from detectors import emails, names, phones, tickets
from detectors.folding import fold
from exfilter.kernel.reference import LOCAL_PLAIN, LOCAL_RARE, look_up, patterns
from exfilter.kernel.tables import EMAIL, NAME, NAME_MONO, Matches, Tables
from exfilter.model import Int64Array

Bytes = NDArray[np.uint8]

_LETTER = re.compile(rf"[^\W\d_{names.CJK}]")
_CJK = re.compile(f"[{names.CJK}]")
_LONGEST_NUMBER = 32
"""Size of the tables by number of digits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The tables as the native kernel reads them."""

    keys: tuple[tuple[int, int], ...] = field(repr=False)
    """SipHash keys by kind, then that of tokens: two 64-bit halves each."""
    roles: Bytes
    literals: Bytes
    runs: Int64Array
    """[runs, 3]: offset of the literal or -1, length, digits only."""
    patterns: Int64Array
    """[patterns, 3]: shape, first run, end of runs."""
    starts_pattern: Bytes
    """[256]: whether a ticket number may begin with the byte."""
    plus_shapes: Int64Array
    """By number of digits: shape of numbers with a country code, or -1."""
    national_shapes: Int64Array
    names_known: bool
    mono_known: bool


_PLANS: WeakKeyDictionary[Tables, Plan] = WeakKeyDictionary()


def find(text: str, tables: Tables, records: Int64Array | None = None) -> Matches:
    """Return what ``text`` holds; equal to ``reference.find``."""
    plan = _PLANS.get(tables)
    if plan is None:
        plan = _PLANS[tables] = _plan(tables)
    folded = None if text.isascii() else _folded(text)
    if folded is None:
        scan = native.scan(text.encode(), None, records, plan, _ASCII)
    else:
        places = None if records is None else folded.places(records)
        scan = native.scan(folded.data, folded.classes, places, plan, _ASCII)
    if tables.shapes[EMAIL].keys:
        spans = scan.addresses()
        if folded is not None and spans:
            scan.add_addresses(list(_addresses(text, spans, folded)))
    scan.rest()
    found, strangers = scan.results()
    return look_up(found, strangers, None if folded is None else folded.sources, tables)


def _addresses(text: str, spans: list[tuple[int, int]], folded: _Folded) -> Iterator[tuple[int, int, bytes]]:
    """Yield the addresses with letters that are not ASCII, read as they stand in the source."""
    starts, ends = np.array(spans, dtype=np.int64).T
    firsts, lasts = folded.sources(starts).tolist(), folded.sources(ends - 1).tolist()
    for (start, end), first, last in zip(spans, firsts, lasts, strict=True):
        form = emails.canonical(text[first : last + 1])
        if form is not None:
            yield start, end, form


@dataclass(frozen=True, slots=True)
class _Folded:
    """Text in which what is not ASCII is folded. ASCII letters keep their case."""

    data: bytes
    classes: Bytes
    byte_at: Int64Array
    """Where a stretch begins: a run of ASCII, or the bytes of one folded character; then the end."""
    source_at: Int64Array
    """The source character with which it begins."""
    step: Int64Array
    """1 in a run of ASCII, whose characters follow each other; 0 within one character."""

    def sources(self, offsets: Int64Array) -> Int64Array:
        """Return the source character of each byte."""
        stretch = np.searchsorted(self.byte_at, offsets, side="right") - 1
        found: Int64Array = self.source_at[stretch] + self.step[stretch] * (offsets - self.byte_at[stretch])
        return found

    def places(self, characters: Int64Array) -> Int64Array:
        """Return the first byte that comes of each source character or of one behind it."""
        stretch = np.searchsorted(self.source_at, characters, side="right") - 1
        after = characters - self.source_at[stretch]
        following = self.byte_at[np.minimum(stretch + 1, len(self.byte_at) - 1)]
        place = np.where(self.step[stretch] == 1, self.byte_at[stretch] + after, following)
        found: Int64Array = np.minimum(np.where(after == 0, self.byte_at[stretch], place), following)
        return found


_FOREIGN_RUN = re.compile(r"[^\x00-\x7f]+")


def _folded(text: str) -> _Folded:
    pieces: list[bytes] = []
    stretches: list[tuple[int, int, int]] = []
    foreign: list[tuple[int, bytes]] = []
    size = at = 0
    for run in _FOREIGN_RUN.finditer(text):
        if run.start() > at:
            stretches.append((size, at, 1))
            pieces.append(text[at : run.start()].encode())
            size += run.start() - at
        for source, character in enumerate(run.group(), run.start()):
            folded, classes = _character(character)
            if folded:
                stretches.append((size, source, 0))
                foreign.append((size, classes))
                pieces.append(folded)
                size += len(folded)
            elif size:  # an address with a mark on its last letter is not the one without
                foreign.append((size - 1, _MARKED))
        at = run.end()
    stretches.append((size, at, 1))
    pieces.append(text[at:].encode())
    stretches.append((size + len(text) - at, len(text), 1))
    data = b"".join(pieces)
    byte_at, source_at, step = np.array(stretches, dtype=np.int64).reshape(-1, 3).T
    return _Folded(data, _classes(data, foreign), *map(np.ascontiguousarray, (byte_at, source_at, step)))


def _classes(data: bytes, foreign: list[tuple[int, bytes]]) -> Bytes:
    """Return the class of every byte. A mark is added to what the byte is already."""
    classes = np.frombuffer(_ASCII, dtype=np.uint8)[np.frombuffer(data, dtype=np.uint8)]
    lengths = np.array([len(piece) for _, piece in foreign], dtype=np.int64)
    start = np.repeat(np.array([at for at, _ in foreign], dtype=np.int64), lengths)
    within = np.arange(len(start)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    np.bitwise_or.at(classes, start + within, np.frombuffer(b"".join(p for _, p in foreign), dtype=np.uint8))
    return classes


@functools.lru_cache(maxsize=65536)
def _character(character: str) -> tuple[bytes, bytes]:
    """Return the fold of a character that is not ASCII, in UTF-8, and the class of each byte."""
    folded, classes = b"", b""
    always = native.CLASSES["foreign"] | native.CLASSES["capital"] * character.isupper()
    for piece in fold(character):
        encoded = piece.encode("utf-8", "surrogatepass")
        folded += encoded
        classes += bytes([_class(piece) | always]) * len(encoded)
    return folded, classes


def _class(character: str) -> int:
    known = native.CLASSES
    found: int = known["alnum"] * character.isalnum() + known["capital"] * character.isupper()
    found += known["letter"] * bool(_LETTER.match(character)) + known["cjk"] * bool(_CJK.match(character))
    found += known["digit"] * character.isdigit()
    if character.lower() in LOCAL_PLAIN or (character >= "\x80" and character.isalnum()):
        found += known["local"]
    return found + known["rare"] * (character in LOCAL_RARE)


_MARKED = bytes([native.CLASSES["foreign"]])
_ASCII = bytes(_class(chr(byte)) if byte < 0x80 else 0 for byte in range(256))


def _plan(tables: Tables) -> Plan:
    shapes = {shape.name: number for number, shape in enumerate(tables.shapes) if shape.keys}
    literals, starts = b"", np.zeros(256, dtype=np.uint8)
    runs: list[tuple[int, int, int]] = []
    rows: list[tuple[int, int, int]] = []
    for shape, sequence in patterns(tables.templates).items():
        if shape not in shapes:
            continue
        rows.append((shapes[shape], len(runs), len(runs) + len(sequence)))
        starts |= _starts(sequence[0])
        for run in sequence:
            runs.append((len(literals) if run.literal else -1, run.length, int(run.digits)))
            literals += run.literal.encode()
    halves = [np.frombuffer(key, dtype="<u8").tolist() for key in (*tables.kind_keys, tables.token_key)]
    return Plan(
        keys=tuple((one, other) for one, other in halves),
        roles=np.ascontiguousarray(tables.roles),
        literals=np.frombuffer(literals or b"\0", dtype=np.uint8),
        runs=np.array(runs, dtype=np.int64).reshape(-1, 3),
        patterns=np.array(rows, dtype=np.int64).reshape(-1, 3),
        starts_pattern=starts,
        plus_shapes=_by_digits(shapes, "+"),
        national_shapes=_by_digits(shapes, ""),
        names_known=tables.shapes[NAME].keys > 0,
        mono_known=tables.shapes[NAME_MONO].keys > 0,
    )


def _starts(run: tickets.Run) -> Bytes:
    first = run.literal[:1] or ("0123456789" if run.digits else "0123456789abcdefghijklmnopqrstuvwxyz")
    starts = np.zeros(256, dtype=np.uint8)
    starts[[ord(character) for character in first + first.upper()]] = 1
    return starts


def _by_digits(shapes: dict[str, int], plus: str) -> Int64Array:
    numbers = [shapes.get(phones.shape(plus, digits), -1) for digits in range(_LONGEST_NUMBER)]
    return np.array(numbers, dtype=np.int64)
