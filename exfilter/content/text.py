"""Reads text: charset, structure, slices, escapes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from exfilter.content import charset, jsontext, markup, tabular
from exfilter.content.block import Block, Format
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.escapes import emitted
from exfilter.content.slices import Slicer
from exfilter.content.stream import CHUNK
from exfilter.model import Reason

_SAMPLE = 1 << 16


def _plain(blocks: Iterator[str]) -> Iterator[Block]:
    return (Block("", text) for text in blocks)


FORMATS = (
    Format("json", jsontext.recognises, jsontext.read),
    Format("markup", markup.recognises, markup.read),
    Format("table", tabular.recognises, tabular.read),
    Format("plain", lambda _: True, _plain),
)
"""The first that recognises the beginning of a text reads it."""


def _read(content: Content, _: Open) -> Iterator[Item]:
    return texts(content, FORMATS)


def plain(content: Content) -> Iterator[Item]:
    """Yield the parts of a text that was put together here and has no structure to look for."""
    return texts(content, FORMATS[-1:])


def texts(content: Content, formats: tuple[Format, ...]) -> Iterator[Item]:
    """Yield the parts of a text in the first of these formats that recognises it."""
    limits = content.budget.limits
    blocks = charset.texts(content.stream, content.charset, max(1, min(limits.slice_bytes, CHUNK)))
    first = next(blocks, "")
    form = next(item for item in formats if item.recognises(first[:_SAMPLE]))
    slicers: dict[str, Slicer] = {}
    for block in form.read(itertools.chain([first], blocks)):
        if isinstance(block, Reason):
            yield content.unscanned(block, content.stream.taken)
            continue
        if content.budget.overdue():
            return
        path = (*content.path, block.channel) if block.channel else content.path
        slicer = slicers.setdefault(block.channel, Slicer(path, limits))
        slicer.add(block.text, block.records)
        for part in slicer.parts(last=False):
            yield from emitted(part)
    for slicer in slicers.values():
        for part in slicer.parts(last=True):
            yield from emitted(part)


READER = Reader("text", lambda _: True, _read)
"""The last of the registry: what is no binary format is text."""
