"""Letters that are written with figures: ``j0hn d03``, ``4nn4@ex4mple.com``."""

from __future__ import annotations

import re

from exfilter.content.disguises.addresses import addresses, plain
from exfilter.content.disguises.rotated import likeness
from exfilter.content.glimpse import Glimpse, Range

_FIGURES = "013456789$!|"
_MEANT = str.maketrans(_FIGURES, "oieasgtbgsil")
_MEANT_BYTES = bytes.maketrans(_FIGURES.encode(), b"oieasgtbgsil")
_TEXT = 0.05
"""How like usual text the letters are at least when the figures are undone."""
_OTHERWISE = str.maketrans({"1": "l", "!": "l", "6": "b", "9": "q"})
_WORD = re.compile(r"(?=[\w$!|]*[^\W\d_])(?=[^\W_]*[013456789$!|])[\w$!|]+")
_LIKE = re.compile(
    rb"(?=[a-z0-9$!|]{3,16}(?![a-z0-9]))(?=[^g-z]*[g-z])[a-z]{0,3}(?:[01345789$!|]{1,2}[a-z]{1,4}){1,4}[01345789$!|]{0,2}"
)
_HOST = re.compile(r"(?:(?=[^.]*[a-z])[a-z0134578]{3,20}(?<![0-9]{3})\.)+[a-z0134578]{2,7}")
_WORDS = re.compile(rb"[a-z0-9$!|]{3,}")
_OFTEN = 32
"""One figure behind a letter in so many characters, in text that may be written so."""
_FEW = 8
"""Escapes of a window: they have figures among their letters."""
_MANY = 0.3
"""Share of the words of a window."""


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may be written with figures."""
    found = []
    if _OFTEN * glimpse.shape.count(b"a0") > len(glimpse.shape):
        found += glimpse.where(glimpse.small, _words)
    if b"@" in glimpse.some:
        found += glimpse.where(glimpse.small, _addresses)
    return found


def _words(small: bytes) -> bool:
    words = _WORDS.findall(small) if small.count(b"\\") < _FEW else []
    if sum(bool(_LIKE.fullmatch(word)) for word in words) <= _MANY * len(words):
        return False
    return bool(likeness(small.translate(_MEANT_BYTES))[0] > _TEXT)


def _addresses(small: bytes) -> bool:
    """Whether half of the addresses have figures among the letters of their hosts."""
    found = list(addresses(small))
    return bool(found) and 2 * sum(map(_figured, found)) >= len(found)


def _figured(address: bytes) -> bool:
    host = address.partition(b"@")[2].decode()
    letters = host.translate(_MEANT)
    return letters != host and _HOST.fullmatch(host) is not None and plain(b"a@" + letters.encode())


def undo(text: str) -> str:
    """Write words with the letters that the figures are meant for."""
    return _WORD.sub(lambda word: word[0].translate(_MEANT), text)


def undo_otherwise(text: str) -> str:
    """Write them in the other way, where there are two."""
    return _WORD.sub(lambda word: word[0].translate(_OTHERWISE).translate(_MEANT), text)


def undo_before_numbers(text: str) -> str:
    """Write words so, but leave the figures before an at sign: they may be a number."""
    return _WORD.sub(lambda word: _but_last(word, 0), text)


def undo_to_numbers(text: str) -> str:
    """Write words so, but of the figures before an at sign only the first one."""
    return _WORD.sub(lambda word: _but_last(word, 1), text)


def _but_last(word: re.Match[str], more: int) -> str:
    end = len(word[0])
    if word.string.startswith("@", word.end()):
        end = min(end, len(word[0].rstrip("0123456789")) + more)
    return word[0][:end].translate(_MEANT) + word[0][end:]
