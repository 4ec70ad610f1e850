"""Text that somebody has changed so that it is not found: views of what it was before.

Each disguise is looked for in windows of a text, and undone in the stretches that seem to have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from exfilter.content.disguises import leet, lookalikes, rotated, spaced, spoken, turned
from exfilter.content.glimpse import Glimpse, Range, merged
from exfilter.content.views import rewritten
from exfilter.model import Part

__all__ = ["LOSSY", "views"]

Undo = Callable[[str], str]
_LOOK_ALIKES = "look-alikes"


def views(part: Part, glimpse: Glimpse, undone: frozenset[str]) -> Iterator[tuple[str, Part]]:
    """Yield the kind and a view of each disguise that a text seems to have, but for those `undone`."""
    for kind, suspects in _KINDS.items():
        for step, ranges, undo in suspects(glimpse) if kind not in undone else ():
            if not ranges:
                continue
            places = np.array(merged(ranges), dtype=np.int64).reshape(-1, 2)
            view = rewritten(part, step, places, undo, by_lines=True)
            if view is not None:
                yield kind, view[0]
    if _LOOK_ALIKES not in undone and not part.text.isascii():
        view = rewritten(part, _LOOK_ALIKES, lookalikes.places(part.text), lookalikes.undo, by_lines=True)
        if view is not None:
            yield _LOOK_ALIKES, view[0]


def _apart(glimpse: Glimpse) -> Iterator[tuple[str, list[Range], Undo]]:
    yield "letters apart", spaced.suspects(glimpse), spaced.undo


def _spoken(glimpse: Glimpse) -> Iterator[tuple[str, list[Range], Undo]]:
    yield "spoken", spoken.suspects(glimpse), spoken.undo


def _backwards(glimpse: Glimpse) -> Iterator[tuple[str, list[Range], Undo]]:
    ranges = turned.suspects(glimpse)
    yield "backwards", ranges, turned.lines
    yield "words backwards", ranges, turned.words


def _moved(glimpse: Glimpse) -> Iterator[tuple[str, list[Range], Undo]]:
    for by, ranges in rotated.suspects(glimpse).items():
        yield rotated.name(by), ranges, rotated.undoing(by)


def _figures(glimpse: Glimpse) -> Iterator[tuple[str, list[Range], Undo]]:
    ranges = leet.suspects(glimpse)
    yield "leet", ranges, leet.undo
    yield "leet, 1 as l", ranges, leet.undo_otherwise
    yield "leet before numbers", ranges, leet.undo_before_numbers
    yield "leet to numbers", ranges, leet.undo_to_numbers


LOSSY = frozenset(("spoken", "figures"))
"""Kinds that change letters which may have stood for others: nothing encoded is left behind them."""
_KINDS: dict[str, Callable[[Glimpse], Iterator[tuple[str, list[Range], Undo]]]] = {
    "apart": _apart,
    "spoken": _spoken,
    "backwards": _backwards,
    "moved": _moved,
    "figures": _figures,
}
