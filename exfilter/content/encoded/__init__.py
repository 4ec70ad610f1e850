"""Bytes that are written in a text with letters and digits: base64, base32, hexadecimal and the like.

What is text is put in the place of its letters, in a view; what is much, or something else, is opened as
a content of its own.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from exfilter.content.budget import Budget, Inner, Item
from exfilter.content.encoded import dense, numbers, reading, runs, sieve, uuencoded
from exfilter.content.encoded.going import Going
from exfilter.content.encoded.runs import WORD, Run
from exfilter.content.encoded.stretch import Found
from exfilter.content.glimpse import Glimpse
from exfilter.content.views import Undone, spliced
from exfilter.model import Part, Reason, Unscanned

__all__ = ["finish", "views"]

_LINES, _LINE = 8, 48
"""A run in so many pieces of so many letters is one: its pieces are not read each for itself."""
_BYTES = re.compile(
    "(?:\x1f\x8b\x08[\0-\x1f]|PK\x03\x04|7z\xbc\xaf'\x1c|\xfd7zXZ\0|[(]\xb5/\xfd)[\0-\xff]{16,}"
)
"""Something packed whose bytes are characters: a binary string, as scripts put it into JSON."""
_STRUCTURED = 3
"""Line ends from which on a text may have records of its own."""


def views(part: Part, budget: Budget, glimpse: Glimpse, *, surely: bool = False) -> Iterator[Item]:
    """Yield the views of a part in which what is encoded is read. What is to be opened waits in the budget.

    `surely`: only what means something for sure.
    """
    found = _Part(part, budget, surely=surely)
    found.start = yield from _went_on(part, budget)
    for run, fits in _runs(part.text, found.start):
        if len(run.letters) >= found.least:
            yield from found.long(run)
        else:
            found.short(run, fits=fits)
    for kind in (numbers, dense, uuencoded):
        for span in kind.suspects(glimpse):
            for stretch in kind.read(part.text, span):
                found.stretch(stretch)
    for place in _BYTES.finditer(part.text):
        found.open("characters", place[0].encode("latin-1"))
    yield from found.views()


def finish(path: tuple[str, ...], budget: Budget) -> Iterator[Item]:
    """Let be opened what was found in the texts of a content that has come to its end."""
    for place in [place for place in budget.unfinished if place[: len(path)] == path]:
        yield from budget.unfinished.pop(place).finish(budget)


def _went_on(part: Part, budget: Budget) -> Generator[Item, None, int]:
    """Return where in a slice a long run ends that began in the one before."""
    before = budget.unfinished.pop(part.path, None)
    if before is None:
        return 0
    end = before.resumed(part.text, budget)
    if end and before.goes_on(part.text, end, budget.limits.overlap):
        budget.unfinished[part.path] = before
    else:
        yield from before.finish(budget)
    return end


def _runs(text: str, start: int) -> Iterator[tuple[Run, bool]]:
    """Yield the runs behind `start` that may be something, and whether they are like encoded ASCII."""
    end = start
    for place, fits in sieve.places(text):
        if place >= end:
            run = runs.at(text, place)
            end = max(run.end, place + 1)
            if run.start >= start:
                yield run, fits


class _Part:
    """What was found in one part."""

    def __init__(self, part: Part, budget: Budget, *, surely: bool) -> None:
        self.start = 0
        self.least = min(budget.limits.small_bytes, budget.limits.overlap)
        """Letters from which on a run is opened by itself."""
        self._part = part
        self._budget = budget
        self._surely = surely
        self._words = False
        self._whole: list[tuple[Undone, str]] = []
        self._stretches: list[tuple[Undone, str]] = []
        self._long: list[tuple[int, int]] = []
        self._skipped = 0

    def long(self, run: Run) -> Iterator[Item]:
        """Take a run whose bytes are a content."""
        text, budget = self._part.text, self._budget
        choice = reading.chosen(run.letters, run.size if run.pieces > 1 else 0, surely=self._surely)
        if choice is None:
            return
        self._long.append((run.start, run.end))
        going = Going(self._part, run, choice)
        going.add(run.letters[choice.skip :], budget)
        if len(text) >= budget.limits.slice_bytes and going.goes_on(text, run.end, budget.limits.overlap):
            budget.unfinished[self._part.path] = going
        else:
            yield from going.finish(budget)

    def short(self, run: Run, *, fits: bool) -> None:
        """Take a run that is read in its place, or opened if it is no text."""
        found = reading.run(run.letters, fits=fits)
        if found is None:
            return
        if found.data:
            self.open(found.name, found.data)
            return
        if run.pieces == 1 and found.simple:
            self._words = True
        else:
            self._whole.append((Undone(run.start, run.end, found.text), found.name))
            self._words |= run.pieces < _LINES or run.size < _LINE
        if self._part.records is None and found.text.count("\n") >= _STRUCTURED:
            self.open(found.name, found.text.encode())

    def stretch(self, found: Found) -> None:
        """Take a stretch of numbers or signs."""
        if found.text is None or len(found.data) >= self._budget.limits.small_bytes:
            self.open(found.name, found.data)
        else:
            self._stretches.append((Undone(found.start, found.end, found.text), found.name))

    def open(self, name: str, data: bytes) -> None:
        """Let bytes be opened as a content of their own, once."""
        budget = self._budget
        known = hash(data)
        if known in budget.opened:
            return
        budget.opened.add(known)
        size = len(data)
        small = size > budget.limits.small_bytes or budget.small()
        if small and budget.charge(size, size, size) and budget.hold(size):
            budget.inner.append(Inner((*self._part.path, name), [data], size))
        else:
            self._skipped += size

    def views(self) -> Iterator[Item]:
        """Yield the views, and how much there was no room for."""
        words = list(self._read()) if self._words else []
        for places in (words, self._whole, sorted(self._stretches)):
            if places:
                names = sorted({name for _, name in places})
                yield spliced(self._part, ", ".join(names), [place for place, _ in places])
        if self._skipped:
            yield Unscanned(self._part.provenance, Reason.OVER_BUDGET, self._skipped)

    def _read(self) -> Iterator[tuple[Undone, str]]:
        """Yield the words that are encoded text, each by itself."""
        long = iter([*self._long, (len(self._part.text) + 1,) * 2])
        start, end = next(long)
        for match in WORD.finditer(self._part.text, self.start):
            while match.start() >= end:
                start, end = next(long)
            found = reading.word(match[0].rstrip("=")) if match.end() <= start else None
            if found is not None:
                yield Undone(*match.span(), found[1]), found[0]
