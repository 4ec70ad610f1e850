"""The fold: one spelling for letters and digits that people and programs write in many ways.

NFKD, case folded, combining marks and invisible characters dropped, every decimal digit, dash and
apostrophe in its ASCII form, bullets and raised dots as dots, Latin letters that do not decompose
(l with stroke, o with stroke) as anyascii writes them. Other scripts keep their letters. Each
character folds by itself, so text can be folded in any chunking and offsets can be mapped back.
Hangul is the exception and is composed (NFC) first, as ``exfilter.content`` does for every part.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from anyascii import anyascii

from exfilter.model import Int64Array

_DASHES = {"Pd"}
_DOTS = "\u00b7\u2022\u2219\u22c5\u2027\u25cf"
"""Bullets and raised dots, as they stand between the groups of a number."""
_APOSTROPHES = "\u2018\u2019\u02bc\u02bb\u00b4\u2032\uff07"
_DROPPED = {"Mn", "Me", "Cf"}


class _Folds(dict[int, str]):
    """A ``str.translate`` table that computes an entry when it is first asked for."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        self[code] = folded
        return folded


def _fold_character(character: str) -> str:
    if character in _APOSTROPHES:
        return "'"
    if character in _DOTS:
        return "."
    pieces = []
    for piece in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()):
        category = unicodedata.category(piece)
        if category in _DROPPED:
            continue
        if category in _DASHES or piece == "\u2212":
            pieces.append("-")
        elif category == "Nd":
            pieces.append(str(unicodedata.decimal(piece)))
        elif category == "Zs":
            pieces.append(" ")
        elif piece >= "\x80" and unicodedata.name(piece, "").startswith("LATIN"):
            pieces.append(anyascii(piece).lower())
        else:
            pieces.append(piece)
    return unicodedata.normalize("NFC", "".join(pieces))


_FOLDS = _Folds()


def fold(text: str) -> str:
    """Return the folded spelling of ``text``. Idempotent."""
    if text.isascii():
        return text.lower()
    return text.translate(_FOLDS)


def fold_with_offsets(text: str) -> tuple[str, Int64Array | None]:
    """Return the folded text and, for each of its characters, the index of the source character.

    The offsets have one entry more than the folded text (its end). None: every index is its own.
    """
    if text.isascii():
        return text.lower(), None
    folds = [_FOLDS[ord(character)] for character in text]
    sources = np.repeat(np.arange(len(text), dtype=np.int64), list(map(len, folds)))
    return "".join(folds), np.append(sources, len(text))
