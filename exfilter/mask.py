"""The only place that makes ``Masked`` text: enough to recognise a value by, never the value.

``reveal`` is the one way round it, for an operator who asked with ``--reveal``.
"""

from __future__ import annotations

from exfilter.model import Kind, Masked

DOT = "\u2022"
_SHORT = 3
_TAIL = 2
"""Digits of a number that stay."""


def mask(value: str, kind: Kind) -> Masked:
    """Return the shape of ``value``: initials of names and addresses, last digits of numbers."""
    text = " ".join(value.split())
    if kind in (Kind.PHONE, Kind.TICKET):
        return Masked(_keep_tail(text))
    return Masked("".join(_keep_initials(text)))


def reveal(value: str, _kind: Kind) -> Masked:
    """Return the value itself."""
    return Masked(value)


def _keep_tail(text: str) -> str:
    """Keep separators and the last two digits of a number that has enough of them."""
    shown = len(text) - _TAIL if sum(c.isalnum() for c in text) > 2 * _SHORT else len(text)
    return "".join(c if at >= shown or not c.isalnum() else DOT for at, c in enumerate(text))


def _keep_initials(text: str) -> list[str]:
    """Keep separators and the first letter of each longer word."""
    words = _words(text)
    return [_initial(word) if word[0].isalnum() else word for word in words]


def _initial(word: str) -> str:
    return word[0] + DOT * _SHORT if len(word) >= _SHORT else DOT * len(word)


def _words(text: str) -> list[str]:
    words: list[str] = []
    for character in text:
        if words and character.isalnum() and words[-1][-1].isalnum():
            words[-1] += character
        else:
            words.append(character)
    return words
