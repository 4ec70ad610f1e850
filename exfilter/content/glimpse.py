"""A look at some windows of a text, spread over it: what seems to be done to all or to a stretch."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable

_WINDOW = 256
"""Characters that are looked at together."""
_APART = 1 << 12
"""Characters from one window to the next, in a text that is not very long."""
_FEW, _MANY = 4, 64
"""Windows of a text."""

Range = tuple[int, int]


def _shapes() -> bytes:
    table = bytearray(b" " * 256)
    for letters, shape in (
        (string.ascii_lowercase, "a"),
        (string.ascii_uppercase, "A"),
        (string.digits, "0"),
    ):
        for letter in letters:
            table[ord(letter)] = ord(shape)
    table[ord("?")] = ord("?")  # stands for what is not ASCII as well
    return bytes(table)


_SHAPES = _shapes()


class Glimpse:
    """Windows of one text."""

    def __init__(self, text: str) -> None:
        """Look at `text`."""
        self.text = text
        count = min(_MANY, max(_FEW, len(text) // _APART))
        if len(text) <= _FEW * _WINDOW:
            self._starts = [0]
            self.some = text.encode("ascii", "replace")
        else:
            apart = (len(text) - _WINDOW) / (count - 1)
            self._starts = [int(number * apart) for number in range(count)]
            pieces = [text[start : start + _WINDOW] for start in self._starts]
            self.some = "".join(pieces).encode("ascii", "replace")
        """The windows one behind the other, a question mark for each character that is not ASCII."""

    @functools.cached_property
    def shape(self) -> bytes:
        """The windows with ``a``, ``A`` or ``0`` for letters and digits, and a blank for any sign."""
        return self.some.translate(_SHAPES)

    @functools.cached_property
    def small(self) -> bytes:
        """The windows in small letters."""
        return self.some.lower()

    def windows(self, some: bytes) -> list[bytes]:
        """Return the windows one by one. `some`: one of the ways to see them."""
        if len(self._starts) == 1:
            return [some]
        return [some[at : at + _WINDOW] for at in range(0, len(some), _WINDOW)]

    def where(self, some: bytes, fits: Callable[[bytes], bool]) -> list[Range]:
        """Return the stretches of the text whose windows fit, as far as those beside that do not.

        `some`: one of the ways to see the windows.
        """
        bounds = [0, *self._starts, len(self.text)]
        return merged(
            [
                (bounds[number], min(bounds[number + 2] + _WINDOW, len(self.text)))
                for number, window in enumerate(self.windows(some))
                if fits(window)
            ]
        )


def merged(ranges: list[Range]) -> list[Range]:
    """Return stretches that do not touch each other, ascending."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def lines(text: str, span: Range) -> Range:
    """Return a stretch with the rest of its first and of its last line."""
    end = text.find("\n", span[1])
    return text.rfind("\n", 0, span[0]) + 1, len(text) if end < 0 else end + 1
