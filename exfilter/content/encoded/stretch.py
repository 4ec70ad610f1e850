"""Stretches of a text that are written in one code, and the ways to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from exfilter.content.encoded.meaning import inflated, openable, text_of

Way = tuple[str, Callable[[], bytes]]
"""The name of a code, and what gives the bytes."""
_LEAST = 8
"""Characters of text by which a stretch is known."""
_TEXTS = 2


class Found(NamedTuple):
    """A stretch of a text and what it stands for."""

    start: int
    end: int
    name: str
    data: bytes
    text: str | None
    """None: the bytes are to be opened."""


def first(start: int, end: int, ways: Iterator[Way]) -> Iterator[Found]:
    """Yield what a stretch stands for in the first way that gives something.

    Two texts may be meant: ``74 65 73 74`` is one in hexadecimal and one in decimal numbers.
    """
    names, texts = [], []
    for name, read in ways:
        data = read()
        if openable(data):
            yield Found(start, end, name, data, None)
            return
        text = text_of(data.rstrip(b"\x00"))  # the last word may be filled up
        text = inflated(data) if text is None else text
        if text is not None and len(text) >= _LEAST:
            names.append(name)
            texts.append(text)
        if len(texts) == _TEXTS:
            break
    if texts:
        text = "\n".join(texts)
        yield Found(start, end, ", ".join(dict.fromkeys(names)), text.encode("utf-8", "replace"), text)
