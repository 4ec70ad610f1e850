"""What stands between Python's text and the native kernel: the plan of the tables, and the arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

import exfilter.kernel.native as native  # noqa: PLR0402 - a missing module, not a missing name
from detectors import phones, tickets
from exfilter.kernel.layer import Layer
from exfilter.kernel.plain.references import is_prefix, patterns
from exfilter.kernel.tables import EMAIL, NAME, NAME_MONO, Candidates, Matches, Tables
from exfilter.model import Int64Array

Bytes = NDArray[np.uint8]

_LONGEST_NUMBER = 32
"""Size of the tables by number of digits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The tables as the native kernel reads them."""

    keys: tuple[tuple[int, int], ...] = field(repr=False)
    """SipHash keys by kind, then that of tokens: two 64-bit halves each."""
    layers: tuple[Layer, ...]
    roles: Bytes
    literals: Bytes
    runs: Int64Array
    """[runs, 4]: offset of the literal or -1, length, digits only, behind a prefix of letters."""
    patterns: Int64Array
    """[patterns, 5]: shape, first run, end of runs, ``Pattern.fewest``, ``Pattern.prefixed``."""
    pattern_of: Int64Array
    """Patterns by the byte that a number of them begins with."""
    pattern_start: Int64Array
    """[257]: those of byte b are ``pattern_of[pattern_start[b]:pattern_start[b + 1]]``."""
    plus_shapes: Int64Array
    """By number of digits: shape of numbers with a country code, or -1."""
    national_shapes: Int64Array
    bare_shapes: Int64Array
    """By number of digits: shape of ticket numbers of nothing but digits, or -1."""
    emails_known: bool
    names_known: bool
    mono_known: bool


_PLANS: WeakKeyDictionary[Tables, tuple[native.Plan, Bytes]] = WeakKeyDictionary()
"""With the kind of each shape."""

_NOTHING = Matches(
    kind=np.empty(0, np.uint8),
    shape=np.empty(0, np.uint16),
    start=np.empty(0, np.int64),
    end=np.empty(0, np.int64),
    posting=np.empty(0, np.uint32),
    tag=np.empty(0, np.uint64),
    lead=np.empty(0, np.uint16),
    column=np.empty(0, np.uint8),
    candidates=Candidates(
        np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0, np.uint64), np.empty(0, np.uint8), 0
    ),
)
"""Of most short texts. One for all: nobody writes into what was found."""


def find(text: str, tables: Tables, records: Int64Array | None = None) -> Matches:
    """Return what ``text`` holds; equal to ``reference.find`` but for the order of what begins at one place.

    Raises OverflowError for a text of more than 4 GiB.
    """
    known = _PLANS.get(tables)
    if known is None:
        kinds = np.array([shape.kind for shape in tables.shapes], dtype=np.uint8)
        known = _PLANS[tables] = native.Plan(_plan(tables)), kinds
    plan, kinds = known
    found = native.find(text, plan, records)
    if found is None:
        return _NOTHING
    hits, distinct, strangers = found
    shape, start, end, posting, tag, lead, column = hits
    candidates = Candidates(*distinct, strangers)
    return Matches(kinds[shape], shape, start, end, posting, tag, lead, column, candidates)


def _plan(tables: Tables) -> Plan:
    shapes = {shape.name: number for number, shape in enumerate(tables.shapes) if shape.keys}
    literals = b""
    runs: list[tuple[int, int, int, int]] = []
    rows: list[tuple[int, int, int, int, int]] = []
    beginning: list[list[int]] = [[] for _ in range(256)]
    for pattern in patterns(tables):
        for byte in _starts(pattern.runs[0]):
            beginning[byte].append(len(rows))
        end = len(runs) + len(pattern.runs)
        rows.append((pattern.shape, len(runs), end, pattern.fewest, int(pattern.prefixed)))
        for before, run in zip((None, *pattern.runs), pattern.runs, strict=False):
            wide = before is not None and is_prefix(before)
            runs.append((len(literals) if run.literal else -1, run.length, int(run.digits), int(wide)))
            literals += run.literal.encode()
    halves = [np.frombuffer(key, dtype="<u8").tolist() for key in (*tables.kind_keys, tables.token_key)]
    return Plan(
        keys=tuple((one, other) for one, other in halves),
        layers=tables.layers,
        roles=tables.roles,
        literals=np.frombuffer(literals, dtype=np.uint8),
        runs=np.array(runs, dtype=np.int64).reshape(-1, 4),
        patterns=np.array(rows, dtype=np.int64).reshape(-1, 5),
        pattern_of=np.array([number for some in beginning for number in some], dtype=np.int64),
        pattern_start=np.cumsum([0, *map(len, beginning)], dtype=np.int64),
        plus_shapes=_by_digits(shapes, "+"),
        national_shapes=_by_digits(shapes, ""),
        bare_shapes=_numbered(shapes, tickets.bare_shape),
        emails_known=tables.shapes[EMAIL].keys > 0,
        names_known=tables.shapes[NAME].keys > 0,
        mono_known=tables.shapes[NAME_MONO].keys > 0,
    )


def _starts(run: tickets.Run) -> bytes:
    """Return the bytes that a run may begin with."""
    first = run.literal[:1] or ("0123456789" if run.digits else "0123456789abcdefghijklmnopqrstuvwxyz")
    return bytes(sorted(set((first + first.upper()).encode())))


def _by_digits(shapes: dict[str, int], plus: str) -> Int64Array:
    return _numbered(shapes, lambda digits: phones.shape(plus, digits))


def _numbered(shapes: dict[str, int], named: Callable[[int], str]) -> Int64Array:
    """Return the number of the shape for each number of digits, or -1."""
    return np.array([shapes.get(named(digits), -1) for digits in range(_LONGEST_NUMBER)], dtype=np.int64)
