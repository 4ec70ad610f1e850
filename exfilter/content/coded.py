"""Codings that are named by headers inside a body."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content import codings
from exfilter.content.budget import Budget, Item
from exfilter.content.codings import CODERS, Coder, Expansion
from exfilter.content.content import Content, Open
from exfilter.content.stream import Stream

FRAMINGS = frozenset(("", "identity", "aws-chunked", "chunked"))
"""Names that say nothing of a compression: chunks show by themselves."""
_FIRST = 64


def names(values: Iterator[str]) -> list[str]:
    """Return the codings that the values of a header name, in the order in which they were applied."""
    found = (name.strip().lower() for value in values for name in value.split(","))
    return [name for name in found if name not in FRAMINGS]


def coded(content: Content, wanted: list[str], opened: Open) -> Iterator[Item]:
    """Read a content with the codings undone, if its bytes are what their names say."""
    coders = [CODERS[name] for name in wanted if name in CODERS]
    fit = len(coders) == len(wanted) <= content.budget.limits.depth
    if coders and fit and _decodes(content.stream.head(), coders, content.budget):
        yield from codings.expanded(content, coders, opened)
    else:
        yield from opened(content)


def _decodes(head: bytes, coders: list[Coder], budget: Budget) -> bool:
    stream = Stream(iter([head]))
    for coder in reversed(coders):
        stream = Stream(iter(Expansion(coder, stream, budget)))
    return bool(stream.head(_FIRST))
