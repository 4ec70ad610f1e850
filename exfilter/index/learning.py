"""The shapes of a table's ticket numbers, as ``detectors.tickets.learn`` finds them, in bounded memory.

Numbers are counted by their signatures: letters as they are and a 0 for each digit. Where so many
differ that their letters are no prefixes, less detail does: an ``a`` for each letter; at last an ``a``
for each letter or digit. What stands between is a space.
"""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from detectors import tickets
from detectors.folding import fold
from detectors.tickets import MAX_TEMPLATES, Run, Template
from exfilter.index import native, swift
from exfilter.index.cells import Reader
from exfilter.index.columns import Columns, Use
from exfilter.index.parallel import in_order
from exfilter.index.stretches import stretches, with_last
from exfilter.index.table import Broken, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exfilter.index.rows import Reader as NativeReader
    from exfilter.index.stretches import Stretch
    from exfilter.index.table import Progress, Table
    from exfilter.index.tags import Signature

EXACT, CLASSES, GROUPS = 2, 1, 0
"""Detail of a signature."""
MOST = 4096
"""Signatures above which less detail may do."""
LONGEST = 128
"""Letters and digits of a ticket number, at most."""
ENOUGH, SHORT = 20, 4
"""Numbers of which a run of digits that never changes is a literal, and how long it may be."""

_RUN = re.compile(r"[a-z]+|0+")
_OTHER = re.compile("[^a-z0-9]")

_Runs = tuple[Run, ...]


def learn(table: Table, use: Columns, workers: int, progress: Progress) -> tuple[Template, ...]:
    """Return the shapes of the table's ticket numbers. What never varies is no number."""
    if Use.TICKET not in use.numbers:
        return ()
    reader = Reader(use, (), "")
    quick = swift.ticket_reader(table, use, reader)
    if quick is None:
        rows = (row for row in table.rows(use.all, progress) if not isinstance(row, Broken))
        found = tickets.learn(value for row in rows for value in reader.tickets(row.cells))
    else:
        signatures = Signatures()
        for texts in _texts(table, use, reader, quick, workers, progress):
            signatures.add(texts)
        found = signatures.templates()
    return tuple(template for template in found if is_number(template))


def is_number(template: Template) -> bool:
    """Whether it is the shape of numbers: of what varies, and is not endless."""
    return sum(run.length for run in template.runs) <= LONGEST and template.space > 1.0


def text_of(number: str) -> bytes:
    """Return a ticket number as it is counted, a line."""
    return _OTHER.sub(" ", fold(number)).encode() + b"\n"


class Signatures:
    """Counts ticket numbers."""

    def __init__(self, most: int = MOST) -> None:
        """``most``: as ``MOST``."""
        self._known: dict[bytes, Signature] = {}
        self._detail, self._most = EXACT, most

    def __len__(self) -> int:
        return len(self._known)

    def add(self, texts: bytes) -> None:
        """Take lines, as ``text_of`` gives them."""
        while texts:
            texts = texts[native.tags.count_signatures(self._known, texts, self._detail, self._most) :]
            if texts:
                self._coarsen()

    def _coarsen(self) -> None:
        """Count with less detail, if the shapes do not depend on it. Else there are only more."""
        if self._detail == GROUPS or len(self._by_runs()) <= MAX_TEMPLATES:
            self._most *= 2
            return
        self._detail -= 1
        known: dict[bytes, Signature] = {}
        for signature, counted in self._known.items():
            coarse = native.tags.signed(signature, self._detail)
            if coarse in known:
                known[coarse].merge(counted)
            else:
                known[coarse] = counted
        self._known = known

    def _by_runs(self) -> Counter[_Runs]:
        counts: Counter[_Runs] = Counter()
        for signature, counted in self._known.items():
            counts[_runs(signature.decode())] += counted.total()
        return counts

    def templates(self) -> tuple[Template, ...]:
        """Return the shapes, the most frequent first."""
        counts = self._by_runs()
        counts.pop((), None)
        constants = self._constants()
        if self._detail < EXACT or len(counts) > MAX_TEMPLATES:
            counts = _classes(counts)
            if self._detail == GROUPS or len(counts) > MAX_TEMPLATES:
                counts, constants = self._by_groups(), {}
        ranked = sorted(counts, key=lambda runs: (-counts[runs], str(runs)))
        found = [Template(_with_constants(runs, counts[runs], constants.get(runs, {}))) for runs in ranked]
        return tuple(dict.fromkeys(found))[:MAX_TEMPLATES]

    def _by_groups(self) -> Counter[_Runs]:
        counts: Counter[_Runs] = Counter()
        for signature, counted in self._known.items():
            groups = signature.split()
            if groups:
                counts[tuple(Run("", len(group), digits=False) for group in groups)] += counted.total()
        return counts

    def _constants(self) -> dict[_Runs, dict[int, str]]:
        """Return, by runs, the place and the text of each run of digits that never varies."""
        found: dict[_Runs, dict[int, str]] = {}
        for signature, counted in self._known.items():
            runs, same = _runs(signature.decode()), {}
            for place, run in enumerate(_RUN.finditer(signature.decode())):
                if not counted.varied[run.start() : run.end()].any():
                    same[place] = counted.first[run.start() : run.end()].decode()
            if runs in found:
                same = {place: text for place, text in same.items() if found[runs].get(place) == text}
            found[runs] = same
        return found


def _runs(signature: str) -> _Runs:
    return tuple(
        Run("" if piece[0] == "0" else piece, len(piece), digits=piece[0] == "0")
        for piece in _RUN.findall(signature)
    )


def _classes(counts: Counter[_Runs]) -> Counter[_Runs]:
    """Give up literals: random letters are no prefix."""
    classes: Counter[_Runs] = Counter()
    for runs, count in counts.items():
        classes[tuple(Run("", run.length, run.digits) for run in runs)] += count
    return classes


def _with_constants(runs: _Runs, count: int, constants: dict[int, str]) -> _Runs:
    """Turn a short run of digits that never changes into a literal."""
    if count < ENOUGH or len(runs) == 1:
        return runs
    return tuple(
        Run(constants[place], run.length, run.digits)
        if run.digits and place in constants and run.length <= SHORT
        else run
        for place, run in enumerate(runs)
    )


class _Texts(NamedTuple):
    texts: bytes
    rest: bytes


def _texts(
    table: Table, use: Columns, reader: Reader, quick: NativeReader, workers: int, progress: Progress
) -> Iterator[bytes]:
    """Yield the ticket numbers of all rows, as they are counted."""

    def work(item: tuple[Stretch, bool]) -> tuple[Stretch, bool, _Texts]:
        return *item, _read(item[0], reader, quick, last=item[1])

    rest = b""
    with ThreadPoolExecutor(workers) as pool:
        items = with_last(stretches(table, use.all, progress))
        for stretch, last, found in in_order(pool if workers > 1 else None, work, items, workers):
            whole = _read(stretch.after(rest), reader, quick, last=last) if rest else found
            rest = whole.rest
            yield whole.texts


def _read(stretch: Stretch, reader: Reader, quick: NativeReader, *, last: bool) -> _Texts:
    block = native.rows.Block(stretch.data, 0, 0)
    more = bytearray()
    begin, headed = len(stretch.data), stretch.headed
    while headed or not quick.read_tickets(block):
        headed = False
        entry, size, lines, goes_on = stretch.take(block.at, block.line + 1)
        if goes_on and not last:
            begin = block.at
            break
        if isinstance(entry, Row):
            for value in reader.tickets(entry.cells):
                more += text_of(value)
        block.skip(size, lines)
    return _Texts(block.identities() + bytes(more), stretch.data[begin:])
