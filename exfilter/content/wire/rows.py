"""The values of an object format as text: ``key: value, key: value``, a line for each record."""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterator

import numpy as np

from exfilter.content import charset, sniff
from exfilter.content.binary import Strings
from exfilter.content.budget import Item
from exfilter.content.content import Content, Open
from exfilter.content.escapes import emitted
from exfilter.content.normal import composed
from exfilter.content.slices import Slicer
from exfilter.content.wire.levels import Levels
from exfilter.content.wire.window import BrokenError
from exfilter.model import Reason

SHORT = 1 << 10
"""Bytes of a value that stands in the text of its record. A longer one is a content of its own."""
AFTER_KEY, AFTER_VALUE = ": ", ", "
_NAMELESS = 32
"""Bytes that are an id, a hash or a key, and no content."""
_LOOSE = 1 << 12
"""Bytes in short values of no known kind, signatures and the like, from which on they are reported."""
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x20), 0x7F])
_EXACT = 1e15
"""Whole numbers below are written in digits: a telephone number may be kept in a float."""


class Rows:
    """Collects the values of one content."""

    def __init__(self, content: Content, opened: Open, name: str) -> None:
        """Collect for `content`, by the `name` of its format. `opened`: reads a content inside it."""
        self.pieces: list[str] = []
        """The text so far. A walk appends to it."""
        self.records: list[int] = []
        """Which of the pieces begin a record."""
        self.known = 0
        """Bytes that are numbers, or something else that is known, and no text."""
        self.levels = Levels()
        self._content = content
        self._opened = opened
        self._slicer = Slicer((*content.path, name), content.budget.limits)
        self._any = False
        self._strings = Strings(content)
        self._loose = 0
        self._left: dict[Reason, int] = {}

    def begin(self, *, array: bool, holds: bool = False) -> None:
        """Open a level here: see ``Levels``."""
        if self.levels.begin(array=array, holds=holds):
            self.records.append(len(self.pieces))

    def message(self, *, repeated: bool) -> None:
        """Open a level here: see ``Levels``."""
        if self.levels.message(repeated=repeated):
            self.records.append(len(self.pieces))

    def end(self) -> None:
        """Close a level."""
        if self.levels.end():
            self.pieces.append("\n")

    def string(self, value: bytes) -> str:
        """Return the text of a value."""
        try:
            return value.decode()
        except UnicodeDecodeError:
            return charset.clean(value.decode("utf-8", "surrogateescape"))

    def blob(self, value: bytes) -> Iterator[Item]:
        """Read a short value of bytes that are no text: what can be opened is opened, else its strings."""
        if len(value) <= _NAMELESS:
            self.odd(value)
        elif not sniff.meaningful(value):
            self.odd(value)
            self._loose += len(value)
        elif self._content.budget.small():
            yield from self._opened(self._content.within(iter([value]), "bytes"))
        else:
            self.odd(value)
            self.leave(Reason.OVER_BUDGET, len(value))

    def odd(self, data: bytes) -> None:
        """Look for printable strings in bytes that are no text."""
        self._strings.add(data + b"\x00\x00")

    def large(self, chunks: Iterator[bytes]) -> Iterator[Item]:
        """Read a long value as a content of its own; after many of them, one that is text with the others."""
        yield from self.parts(last=False)
        content = self._content.within(chunks, "value")
        limit = self._content.budget.limits.small_bytes
        start = content.stream.head(limit + 1)
        if len(start) > limit or (start and self._content.budget.small()):
            yield from self._opened(content)
        elif text := plain(start):
            self.pieces += (text, AFTER_VALUE)
        else:
            self.odd(start)
            self.leave(Reason.OVER_BUDGET, len(start))
        for _ in content.stream:  # what a reader left
            pass

    def leave(self, reason: Reason, size: int) -> None:
        """Count what was not read; it is reported at the end."""
        self._left[reason] = self._left.get(reason, 0) + size

    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return self._content.budget.overdue()

    def parts(self, *, last: bool) -> Iterator[Item]:
        """Yield the text, if there is enough of it or it is the `last` time; then also what was not read."""
        self._flush()
        for part in (*self._slicer.parts(last=last), *self._strings.parts(last=last)):
            yield from emitted(part, self._content.budget)
        if last and self._loose >= _LOOSE:
            self.leave(Reason.OPAQUE, self._loose)
        for reason, size in self._left.items() if last else ():
            yield self._content.unscanned(reason, size)

    def _flush(self) -> None:
        count = len(self.pieces)
        records = [number for number in self.records if number < count]
        bounds = zip([0, *records], [*records, count], strict=True)
        texts = ["".join(self.pieces[start:end]) for start, end in bounds]
        # A record that begins behind what is there begins with the next piece.
        self.records = [number - count for number in self.records[len(records) :]]
        self.pieces.clear()
        text = "".join(texts)
        if not text:
            return
        if not text.isascii():
            texts = list(map(composed, texts))
            text = "".join(texts)
        starts = np.cumsum([len(text) for text in texts])[:-1]
        self._any = self._any or len(starts) > 0
        self._slicer.add(text, np.unique(starts[starts < len(text)]) if self._any else None)


class Probe(Rows):
    """Rows of the first bytes of a content, which nobody reads: they tell whether the bytes make sense."""

    def __init__(self, content: Content) -> None:
        """Collect no parts."""
        super().__init__(content, lambda _: iter(()), "")
        self._text = 0

    @property
    def letters(self) -> int:
        """Bytes of letters in values, 0 where there are control characters in them."""
        text = "".join(self.pieces).encode("utf-8", "replace")
        count = len(text) - len(text.translate(None, _LETTERS))
        return self._text + count if len(text.translate(None, _CONTROLS)) == len(text) else 0

    def string(self, value: bytes) -> str:
        """Return the text of a value. Raises BrokenError where it is none."""
        text = plain(value)
        if value and not text:
            raise BrokenError(0)
        return text

    def blob(self, value: bytes) -> Iterator[Item]:
        """Count what is known."""
        self.known += len(value) if sniff.meaningful(value) else 0
        yield from ()

    def large(self, chunks: Iterator[bytes]) -> Iterator[Item]:
        """Count a text, or what is known, as far as it is there."""
        data = b"".join(chunks)
        self._text += len(data) if written(data) else 0
        yield from self.blob(data)

    def overdue(self) -> bool:
        """Go on."""
        return False

    def parts(self, *, last: bool) -> Iterator[Item]:
        """Yield nothing."""
        del last
        yield from ()


_LETTERS = bytes(code for code in range(256) if chr(code).isalpha() or code >= 0x80) + b"@._-"


def plain(value: bytes) -> str:
    """Return the text of some bytes that are text for sure, else an empty string."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() or len(value.translate(None, _CONTROLS)) == len(value) else ""


def written(sample: bytes) -> bool:
    """Whether bytes, that may be cut within a character, begin a text for sure."""
    if len(sample.translate(None, _CONTROLS)) < len(sample):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def shown(number: float) -> str:
    """Return a float as text."""
    if not math.isfinite(number):
        return ""
    return str(int(number)) if abs(number) < _EXACT and number.is_integer() else repr(number)
