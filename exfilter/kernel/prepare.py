"""What stands between Python's text and the native kernel: folding, classes of letters, look-up."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from detectors import emails, names, phones, tickets
from detectors.folding import distinct_codes, fold_with_offsets
from exfilter.kernel import native
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
    if text.isascii():
        scan = native.scan(text.encode(), None, None, None, records, plan, _ASCII)
        ends = None
    else:
        data, classes, capitals, sources = _prepared(text)
        scan = native.scan(data, classes, capitals, sources, records, plan, _ASCII)
        ends = sources
    if tables.shapes[EMAIL].keys:
        for start, end in scan.addresses():
            first, last = (start, end - 1) if ends is None else (int(ends[start]), int(ends[end - 1]))
            form = emails.canonical(text[first : last + 1])
            if form is not None:
                scan.add_address(start, end, form)
    scan.rest()
    found, strangers = scan.results()
    return look_up(found, strangers, ends, tables)


def _prepared(text: str) -> tuple[bytes, Bytes, Bytes, Int64Array]:
    """Return folded bytes and, for each byte, its class, its capital and its source character."""
    folded, sources = fold_with_offsets(text)
    if sources is None:
        sources = np.arange(len(folded) + 1, dtype=np.int64)
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    originals = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)[sources[:-1]]
    foreign = (originals >= 0x80) | (np.diff(sources) > 1)
    classes = _by_code(codes, _class) | np.where(foreign, np.uint8(native.CLASSES["foreign"]), np.uint8(0))
    capitals = _by_code(originals, lambda character: int(character.isupper()))
    data = folded.encode("utf-8", "surrogatepass")
    if len(data) == len(codes):
        return data, classes, capitals, sources[:-1]
    widths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    return data, np.repeat(classes, widths), np.repeat(capitals, widths), np.repeat(sources[:-1], widths)


def _by_code(codes: NDArray[np.uint32], judge: Callable[[str], int]) -> Bytes:
    distinct = distinct_codes(codes)
    table = np.zeros(int(distinct[-1]) + 1 if len(distinct) else 0, dtype=np.uint8)
    table[distinct] = [judge(chr(code)) for code in distinct.tolist()]
    return table[codes]


def _class(character: str) -> int:
    known = native.CLASSES
    found: int = (
        known["word"] * (character.isalnum() or character == "_") + known["alnum"] * character.isalnum()
    )
    found += known["letter"] * bool(_LETTER.match(character)) + known["cjk"] * bool(_CJK.match(character))
    found += known["digit"] * character.isdigit()
    if (
        character in LOCAL_PLAIN
        or character.lower() in LOCAL_PLAIN
        or (character >= "\x80" and character.isalnum())
    ):
        found += known["local"]
    return found + known["rare"] * (character in LOCAL_RARE)


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
