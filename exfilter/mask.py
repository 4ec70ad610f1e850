"""The only place that makes ``Masked`` text: enough to recognise a value by, never the value.

Only the separators below and blanks stay as they are. Every other sign is masked, also one that is no letter
by its class: the kernel reads circled, squared and mathematical letters too, and whatever comes after them.
``reveal`` is the one way round it, for an operator who asked with ``--reveal``.
"""

from __future__ import annotations

import re
import unicodedata

from exfilter.model import Kind, Masked

DOT = "\u2022"
SEPARATORS = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_SHORT = 3
_TAIL = 2
"""Digits of a number that stay."""
_WORD = re.compile(f"[^{re.escape(SEPARATORS)}]+")


def mask(value: str, kind: Kind) -> Masked:
    """Return the shape of ``value``: initials of names and addresses, last digits of numbers."""
    text = " ".join(value.split())
    if kind in (Kind.PHONE, Kind.TICKET):
        return Masked(_keep_tail(text))
    return Masked(_WORD.sub(lambda word: _initial(word[0]), text))


def reveal(value: str, _kind: Kind) -> Masked:
    """Return the value itself."""
    return Masked(value)


def _keep_tail(text: str) -> str:
    """Keep separators and the last two digits of a number that has enough of them."""
    is_long = sum(sign not in SEPARATORS for sign in text) > 2 * _SHORT
    shown = len(text) - _TAIL if is_long else len(text)
    return "".join(
        sign if sign in SEPARATORS or (at >= shown and _is_plain(sign)) else DOT
        for at, sign in enumerate(text)
    )


def _initial(word: str) -> str:
    """Keep the first letter of a longer word."""
    if len(word) < _SHORT:
        return DOT * len(word)
    return (word[0] if _is_plain(word[0]) else DOT) + DOT * _SHORT


def _is_plain(sign: str) -> bool:
    """Whether a sign is one letter or digit, and not several in one."""
    return sign.isalnum() and len(unicodedata.normalize("NFKC", sign).casefold()) == 1
