"""Readers of contents that a parser reads in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from exfilter.content.binary import Strings
from exfilter.content.budget import Budget, Cut, Item
from exfilter.content.content import Content, Open, Reader, shown
from exfilter.content.escapes import emitted
from exfilter.content.sandbox.found import Left, Member, Text, Wishes
from exfilter.content.slices import Slicer
from exfilter.content.stream import Stream
from exfilter.model import Reason

NAMES = "names"


def reader(name: str, recognises: Callable[[Content], bool], parser: str = "") -> Reader:
    """Return a reader by way of the parser of that name (see ``sandbox.table``)."""
    return Reader(name, recognises, lambda content, opened: read(content, opened, parser or name))


def read(content: Content, opened: Open, parser: str) -> Iterator[Item]:
    """Yield what the parser finds: texts as they are, members opened, names of members as a text.

    A parser that finds nothing has not said "clean": the printable strings of the raw bytes are read
    too, and what follows the deadline or a failure of the parser is reported.
    """
    budget = content.budget
    strings = Strings(content)
    file = os.memfd_create("content", os.MFD_CLOEXEC)
    try:
        size = _spool(strings.tee(content.stream), file, budget, inner=content.depth > 0)
        if size < 0:
            yield content.unscanned(Reason.OVER_BUDGET, os.fstat(file).st_size + content.stream.left)
        else:
            yield from _parsed(content, opened, parser, file)
    finally:
        os.close(file)
    if not budget.late:
        for part in strings.parts(last=True):
            yield from emitted(part, budget)


def _spool(stream: Stream, file: int, budget: Budget, *, inner: bool) -> int:
    """Copy a stream into memory that a child can read. Returns how many bytes, -1 where it is too much."""
    size = 0
    for chunk in stream:
        size += len(chunk)
        if inner and size > budget.limits.inner_bytes:
            for _ in stream:  # the strings of the rest
                pass
            return -1
        view = memoryview(chunk)
        while view:
            view = view[os.write(file, view) :]
    return size


def _parsed(content: Content, opened: Open, parser: str, file: int) -> Iterator[Item]:
    budget = content.budget
    slicers: dict[str, Slicer] = {}

    def add(channel: str, found: Text) -> Iterator[Item]:
        path = (*content.path, channel) if channel else content.path
        slicer = slicers.setdefault(channel, Slicer(path, budget.limits))
        slicer.add(found.text, found.records)
        for part in slicer.parts(last=False):
            yield from emitted(part, budget)

    for found in budget.sandbox.parse(parser, file, Wishes(budget.passwords)):
        if budget.overdue():
            return
        if isinstance(found, Left):
            step = (shown(found.step),) if found.step else ()
            yield content.within(iter(()), *step).unscanned(found.reason, found.size)
        elif isinstance(found, Text):
            yield from add(found.channel, found)
        else:
            yield from add(NAMES, Text(f"{found.name}\n"))
            member = content.within(_charged(content, found), f'{parser} "{shown(found.name)}"')
            yield from opened(member)
            trouble = member.stream.trouble
            if trouble is not None and trouble.reason is Reason.OVER_BUDGET:
                yield content.unscanned(Reason.OVER_BUDGET, content.stream.taken)
                break
    for slicer in slicers.values():
        for part in slicer.parts(last=True):
            yield from emitted(part, budget)


def _charged(content: Content, member: Member) -> Iterator[bytes]:
    """Yield the bytes of a member as long as the budget lasts. Raises Cut where it ends."""
    made, taken = 0, max(1, content.stream.taken)
    for chunk in member.chunks:
        made += len(chunk)
        if not content.budget.charge(len(chunk), taken, made):
            raise Cut(Reason.OVER_BUDGET)
        yield chunk
