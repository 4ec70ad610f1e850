"""What a container holds: members that are opened, and their names as a text."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, shown, stems
from exfilter.content.escapes import emitted
from exfilter.content.pairs import Pairs
from exfilter.content.slices import Slicer
from exfilter.model import Reason

NAMES = "names"


class Members:
    """Opens the members of one container, as many as the budget allows.

    After very many small ones, further small ones are read together.
    """

    def __init__(self, content: Content, kind: str, opened: Open) -> None:
        """`kind`: of the container, for provenance."""
        self._content = content
        self._kind = kind
        self._opened = opened
        self._names = Slicer((*content.path, NAMES), content.budget.limits)
        self._small = Pairs(content, "members")
        self._count = 0
        self.over = False
        """The budget is used up: nothing more is opened, and that was reported."""

    def name(self, name: str) -> Iterator[Item]:
        """Read a name as text."""
        self._names.add("\n".join([name, *stems(name), ""]), None)
        for part in self._names.parts(last=False):
            yield from emitted(part, self._content.budget)

    def member(self, name: str, chunks: Iterator[bytes], step: str = "") -> Iterator[Item]:
        """Open a member. `step`: as provenance shows it, if not by its name."""
        budget = self._content.budget
        if name:
            yield from self.name(name)
        self._count += 1
        if budget.full or self._count > budget.limits.parts:
            yield self.ended()
            return
        step = step or (f'{self._kind} "{shown(name)}"' if name else self._kind)
        inner = self._content.within(chunks, step)
        start = inner.stream.head(budget.limits.small_bytes + 1)
        if not start or self._small.opens(start):
            yield from self._opened(inner)
        else:
            yield from self._small.read(last=False)
        trouble = inner.stream.trouble
        if trouble is not None and trouble.reason is Reason.OVER_BUDGET:
            yield self.ended()

    def ended(self) -> Item:
        """Return the value that says that nothing more is opened."""
        self.over = True
        return self._content.unscanned(Reason.OVER_BUDGET, self._content.stream.taken)

    def rest(self) -> Iterator[Item]:
        """Read what was collected."""
        yield from self._small.read(last=True)
        for part in self._names.parts(last=True):
            yield from emitted(part, self._content.budget)
