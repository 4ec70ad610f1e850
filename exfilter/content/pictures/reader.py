"""Reads pictures: their strings, the texts that they carry, and what hides behind them.

What the pixels show is unscanned(unsupported), unless ``Limits.ocr`` has it read (see ``ocr``): then
that is a text like any other, with the step "ocr" in its provenance, and unscanned is what it does not
explain, or the whole picture where reading it failed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content import binary, codings, parsed, sniff
from exfilter.content.binary import Strings
from exfilter.content.budget import Budget, Item
from exfilter.content.content import Content, Open, Reader, shown
from exfilter.content.escapes import emitted
from exfilter.content.members import Members
from exfilter.content.pictures import gif, jpeg, png, tiff, webp
from exfilter.content.pictures.carried import Carried, Excess, Walk
from exfilter.content.spool import Spool
from exfilter.content.stream import Stream
from exfilter.model import Reason

WALKS: dict[str, Walk] = {
    "png": png.walk,
    "jpeg": jpeg.walk,
    "gif": gif.walk,
    "webp": webp.walk,
    "tiff": tiff.walk,
    "bmp": lambda _: iter(()),
}


def _kind(content: Content) -> str:
    """Return the name of the format, or an empty string for what is no picture."""
    head = content.stream.head()
    name = sniff.signature(head)
    if name == "riff":  # sound and film, too
        return "webp" if head[8:12] == b"WEBP" else ""
    return name if name in WALKS else ""


def _recognises(content: Content) -> bool:
    return bool(_kind(content))


def _read(content: Content, opened: Open) -> Iterator[Item]:
    kind, budget = _kind(content), content.budget
    spool = Spool(budget, inner=content.depth > 0)
    job = parsed.Job(content, opened, "ocr", spool)
    reason: Reason | None = Reason.UNSUPPORTED
    try:
        while spool.room and (chunk := content.stream.take(min(CHUNK, spool.room))):
            spool.add(chunk)
        yield from _carried(content, kind, spool, opened)
        if content.stream.head(1):  # it may carry something there
            yield content.unscanned(Reason.OVER_BUDGET, content.stream.left)
        elif budget.limits.ocr and not budget.late:
            reason = None
            yield from job.read()
        whole = content.again(Stream(itertools.chain(spool.chunks(), content.stream)))
        yield from binary.opaque(whole, reason, opened)
    finally:
        if job not in budget.locked:
            job.close()


def _carried(content: Content, kind: str, spool: Spool, opened: Open) -> Iterator[Item]:
    """Yield the texts, each recognised anew: XMP is XML, a comment may be a table, or encoded."""
    members = Members(content, kind, opened)
    for found in WALKS[kind](spool.view()):
        if content.budget.overdue() or members.over:
            return
        if isinstance(found, Excess):
            yield content.unscanned(Reason.OVER_BUDGET, spool.size)
        elif found.profile:
            yield from _strings(
                content.within(_chunks(found, content.budget), f'{kind} "{shown(found.name)}"')
            )
        else:
            yield from members.member(found.name, _chunks(found, content.budget))
    yield from members.rest()


def _chunks(found: Carried, budget: Budget) -> Iterator[bytes]:
    """Yield the bytes of a text. Raises Cut where the budget ends, or what packs them is broken."""
    if found.deflated:
        return iter(codings.Expansion(codings.DEFLATE, Stream(iter(found.chunks)), budget))
    return iter(found.chunks)


def _strings(content: Content) -> Iterator[Item]:
    strings = Strings(content)
    for chunk in content.stream:
        strings.add(chunk)
        for part in strings.parts(last=False):
            yield from emitted(part, content.budget)
    for part in strings.parts(last=True):
        yield from emitted(part, content.budget)
    if content.stream.trouble is not None:
        yield content.unscanned(content.stream.trouble.reason, content.stream.trouble.left)


READER = Reader("picture", _recognises, _read)
