"""Reads text: charset, structure, slices, escapes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content import binary, cards, charset, events, jsontext, listed, markup, sqltext, tabular
from exfilter.content.binary import Strings
from exfilter.content.block import Block, Format
from exfilter.content.border import Border
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.normal import composed
from exfilter.content.slices import Slicer
from exfilter.model import Reason

_SAMPLE = 1 << 16


def _plain(blocks: Iterator[str]) -> Iterator[Block]:
    return (Block("", text) for text in blocks)


FORMATS = (
    Format("json", jsontext.recognises, jsontext.read),
    Format("cards", cards.recognises, cards.read),
    Format("events", events.recognises, events.read),
    Format("markup", markup.recognises, markup.read),
    Format("sql", sqltext.recognises, sqltext.read),
    Format("table", tabular.recognises, tabular.read),
    Format("lists", listed.recognises, listed.read),
    Format("plain", lambda _: True, _plain),
)
"""The first that recognises the beginning of a text reads it."""


def _read(content: Content, opened: Open) -> Iterator[Item]:
    return _bounded(content, FORMATS, opened)


def plain(content: Content, form: Format = FORMATS[-1]) -> Iterator[Item]:
    """Yield the parts of a text that was put together here and has no structure to look for but `form`."""
    return _bounded(content, (form,), lambda rest: binary.opaque(rest, Reason.OPAQUE))


def _bounded(content: Content, formats: tuple[Format, ...], opened: Open) -> Iterator[Item]:
    """Read a content as text as far as it is text, and open what follows."""
    border = Border(content.stream)
    # In wide text, letters of single bytes make other letters: they are looked for beside it.
    strings = Strings(content) if border.wide else None
    stream = strings.tee(border.text()) if strings else border.text()
    for item in texts(content.again(stream), formats):
        yield item
        for part in strings.parts(last=False) if strings else ():
            yield from emitted(part, content.budget)
    for part in strings.parts(last=True) if strings else ():
        yield from emitted(part, content.budget)
    if not border.crossed or content.budget.late:
        return
    if border.passed:
        yield from opened(content.within(iter(content.stream), f"from byte {border.passed}"))
    else:
        yield from binary.opaque(content, Reason.OPAQUE)


def texts(content: Content, formats: tuple[Format, ...]) -> Iterator[Item]:
    """Yield the parts of a text in the first of these formats that recognises it."""
    decoder = charset.Decoder(content.charset)
    size = max(1, min(content.budget.limits.slice_bytes, CHUNK))
    blocks = charset.texts(content.stream, decoder, size)
    first = next(blocks, "")
    slicers: dict[str, Slicer] = {}
    for block in form(first, formats).read(itertools.chain([first], blocks)):
        if isinstance(block, Reason):
            yield content.unscanned(block, content.stream.taken)
            continue
        if content.budget.overdue():
            return
        for piece in (block, *_beside(decoder, formats)):
            path = (*content.path, piece.channel) if piece.channel else content.path
            slicer = slicers.setdefault(piece.channel, Slicer(path, content.budget.limits))
            slicer.add(piece.text, piece.records)
            for part in slicer.parts(last=False):
                yield from emitted(part, content.budget)
    for slicer in slicers.values():
        for part in slicer.parts(last=True):
            yield from emitted(part, content.budget)
    if decoder.unknown:
        yield content.unscanned(Reason.OPAQUE, decoder.unknown)


def form(text: str, formats: tuple[Format, ...] = FORMATS) -> Format:
    """Return what recognises the beginning of a text."""
    return next(item for item in formats if item.recognises(text[:_SAMPLE]))


def _beside(decoder: charset.Decoder, formats: tuple[Format, ...]) -> Iterator[Block]:
    """Yield the blocks of the other readings so far, each with the structure that it has."""
    for name, text in decoder.beside:
        for block in form(text, formats).read(iter([composed(text)])):
            if isinstance(block, Block):
                channel = f"as {name}" if not block.channel else f"as {name}, {block.channel}"
                yield Block(channel, block.text, block.records)
    decoder.beside.clear()


READER = Reader("text", lambda _: True, _read)
"""The last of the registry: what is no binary format is text."""
