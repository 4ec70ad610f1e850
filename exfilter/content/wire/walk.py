"""Which bytes are an object format, and how one is read that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exfilter.content import sniff, wide
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.stream import HEAD, Stream
from exfilter.content.wire.rows import Probe, Rows
from exfilter.content.wire.window import BrokenError, Window
from exfilter.model import Reason

Walk = Callable[[Window, Rows], Iterator[Item]]
"""Puts the values of a window into rows, and yields what was read on the way. Raises BrokenError."""

_FIRST = 32
_LEAST = 256
"""Bytes that make sense, from which on a content is what it begins as although it breaks off."""
_MANY = 16
"""Values that no bytes of another kind have by chance."""
_LETTERS = 4
"""One byte of so many is in a text, in what has few values."""
_TEXT = 0.75
"""Share of the bytes that are shown, and values by themselves, in what is text as it stands."""
_SHOWN = bytes([*b"\t\n\r", *range(0x20, 0x7F)])


def reader(name: str, begins: Callable[[bytes], bool], walk: Walk, *, sure: bool = False) -> Reader:
    """Return the reader of a format. `begins`: a quick look at the first bytes; `sure`: see ``sensible``."""

    def recognises(content: Content) -> bool:
        return begins(content.stream.head(_FIRST)) and sensible(content, walk, sure=sure)

    def read_it(content: Content, opened: Open) -> Iterator[Item]:
        return read(content, opened, name, walk)

    return Reader(name, recognises, read_it)


def sensible(content: Content, walk: Walk, *, sure: bool = False) -> bool:
    """Whether the head of a content makes sense all through, as values and hardly anything else.

    `sure`: the format says its own length, so that what comes to its end makes sense.
    """
    head = content.stream.head()
    if not head.translate(None, _SHOWN) or sniff.signature(head) or wide.charset(head):
        return False
    probe, window = Probe(content), Window(Stream(iter([head])))
    end = len(head)
    whole = True
    cut = len(head) == HEAD
    try:
        for _ in walk(window, probe):
            pass
    except BrokenError as broken:
        end = window.start + broken.at
        whole = broken.short and cut
    values = len(probe.pieces) // 2
    shown = end - len(head[:end].translate(None, _SHOWN))
    if min(shown, values) >= _TEXT * end:  # each letter would be a number
        return False
    letters = probe.letters
    lettered = letters * _LETTERS >= end - probe.known or 2 * (letters + probe.known) >= end
    return (whole and (lettered or values >= 2 * _MANY or (sure and not cut))) or (
        lettered and values >= _MANY and end >= max(_LEAST, len(head) // 2)
    )


def read(content: Content, opened: Open, name: str, walk: Walk) -> Iterator[Item]:
    """Yield the values of a content, and what follows the place where it stops to make sense."""
    window, rows = Window(content.stream), Rows(content, opened, name)
    broken: BrokenError | None = None
    try:
        yield from walk(window, rows)
    except BrokenError as error:
        broken = error
    size = 0
    if broken is not None and broken.short:
        for chunk in window.rest(broken.at):
            rows.odd(chunk)
            size += len(chunk)
    yield from rows.parts(last=True)
    if broken is not None and not broken.short:
        rest = content.within(window.rest(broken.at), f"from byte {window.start + broken.at}")
        yield from opened(rest)
        size = rest.stream.taken
    if broken is not None and content.stream.trouble is None and not content.budget.late:
        yield content.unscanned(Reason.MALFORMED, size)
