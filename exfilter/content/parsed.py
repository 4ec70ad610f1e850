"""Readers of contents that a parser reads in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exfilter.content.binary import Strings
from exfilter.content.budget import Budget, Cut, Item
from exfilter.content.content import Content, Open, Reader, shown
from exfilter.content.escapes import emitted
from exfilter.content.members import NAMES, Members
from exfilter.content.sandbox.found import Left, Member, Text, Wishes
from exfilter.content.slices import Slicer
from exfilter.content.spool import Spool
from exfilter.model import Reason, Unscanned

_LEFT = 100
"""Values for what was left in one content, from which on they are added up."""
_ROUNDS = 3
"""How often something encrypted is tried again because new passwords came up."""


def reader(name: str, recognises: Callable[[Content], bool], parser: str = "") -> Reader:
    """Return a reader by way of the parser of that name (see ``sandbox.table``)."""
    return Reader(name, recognises, lambda content, opened: read(content, opened, parser or name))


def plain(name: str, recognises: Callable[[Content], bool]) -> Reader:
    """Return the same for a format that is text itself: all that its bytes say, its parser says."""
    return Reader(name, recognises, lambda content, opened: read(content, opened, name, raw=False))


def read(content: Content, opened: Open, parser: str, *, raw: bool = True) -> Iterator[Item]:
    """Yield what the parser finds: texts as they are, members opened, names of members as a text.

    A parser that finds nothing has not said "clean": the printable strings of the raw bytes are read
    too, and what follows the deadline or a failure of the parser is reported.
    """
    budget = content.budget
    strings = Strings(content)
    job = Job(content, opened, parser)
    try:
        for chunk in strings.tee(content.stream) if raw else content.stream:
            job.spool.add(chunk)
            for part in strings.parts(last=False):
                yield from emitted(part, budget)
        yield from job.read()
    finally:
        if job not in budget.locked:
            job.close()
    if not budget.late:
        for part in strings.parts(last=True):
            yield from emitted(part, budget)


def unlocked(budget: Budget) -> Iterator[Item]:
    """Read what is encrypted once more, with the passwords that the transfer told, and report the rest."""
    for _ in range(_ROUNDS):
        for locked in budget.locked if not budget.overdue() else ():
            if locked.hopeful():
                yield from locked.again()
    for locked in budget.locked:
        yield from locked.left()


class Job:
    """A content and its parser. Where something in it is encrypted, it is kept to the end of the transfer."""

    def __init__(self, content: Content, opened: Open, parser: str, spool: Spool | None = None) -> None:
        """Begin with nothing in the spool, or with a `spool` that holds the content."""
        self.spool = spool or Spool(content.budget, inner=content.depth > 0)
        self._content = content
        self._opened = opened
        self._parser = parser
        self._tried: frozenset[str] = frozenset()
        self._left: dict[Reason, list[Unscanned]] = {}
        self._made = 0

    def read(self) -> Iterator[Item]:
        """Yield what is in it, and what was left but for what is encrypted."""
        content, budget = self._content, self._content.budget
        if self.spool.refused:
            yield content.unscanned(Reason.OVER_BUDGET, self.spool.refused)
        yield from self._parsed(Wishes(budget.limits.passwords))
        if self._left.get(Reason.ENCRYPTED):
            if content.depth == 0 or budget.keep(self.spool.size):
                budget.locked.append(self)
            else:
                yield from self.again()
                yield from self.left()

    def hopeful(self) -> bool:
        """Whether there are passwords that were not tried."""
        passwords = self._content.budget.passwords.known()
        return bool(self._left.get(Reason.ENCRYPTED)) and not self._tried.issuperset(passwords)

    def again(self) -> Iterator[Item]:
        """Yield what was encrypted and is not any more."""
        yield from self._parsed(Wishes(self._content.budget.passwords.known(), again=True))

    def left(self) -> Iterator[Item]:
        """Yield what is still encrypted."""
        yield from self._left.pop(Reason.ENCRYPTED, [])

    def close(self) -> None:
        """Give the memory back."""
        self.spool.close()

    def _parsed(self, wishes: Wishes) -> Iterator[Item]:
        content, budget = self._content, self._content.budget
        self._tried, self._left = frozenset(wishes.passwords), {}
        members = Members(content, self._parser, self._opened)
        texts = _Texts(content)
        for found in budget.sandbox.parse(self._parser, self.spool.file, wishes):
            if budget.overdue() or members.over:
                break
            if isinstance(found, Left):
                self._leave(found)
            elif isinstance(found, Member):
                yield from members.member(found.name, self._charged(found))
            elif not self._charge(len(found.text)):
                yield members.ended()
            elif found.channel == NAMES:
                for name in found.text.splitlines():
                    yield from members.name(name)
            else:
                yield from texts.add(found)
        yield from texts.rest()
        yield from members.rest()
        for reason, left in self._left.items():
            if reason is not Reason.ENCRYPTED:
                yield from left

    def _leave(self, found: Left) -> None:
        left = self._left.setdefault(found.reason, [])
        if len(left) < _LEFT:
            step = (shown(found.step),) if found.step else ()
            left.append(self._content.within(iter(()), *step).unscanned(found.reason, found.size))
        else:
            left[-1] = self._content.unscanned(found.reason, left[-1].bytes + found.size)

    def _charge(self, size: int) -> bool:
        self._made += size
        return self._content.budget.charge(size, self.spool.size, self._made)

    def _charged(self, member: Member) -> Iterator[bytes]:
        """Yield the bytes of a member as long as the budget lasts. Raises Cut where it ends."""
        for chunk in member.chunks:
            if not self._charge(len(chunk)):
                raise Cut(Reason.OVER_BUDGET)
            yield chunk


class _Texts:
    """The texts that a parser finds, each channel apart."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._slicers: dict[str, Slicer] = {}

    def add(self, found: Text) -> Iterator[Item]:
        """Append a piece to its channel."""
        content = self._content
        path = (*content.path, found.channel) if found.channel else content.path
        slicer = self._slicers.setdefault(found.channel, Slicer(path, content.budget.limits))
        slicer.add(found.text, found.records)
        for part in slicer.parts(last=False):
            yield from emitted(part, content.budget)

    def rest(self) -> Iterator[Item]:
        """Yield what was not yielded yet."""
        for slicer in self._slicers.values():
            for part in slicer.parts(last=True):
                yield from emitted(part, self._content.budget)
