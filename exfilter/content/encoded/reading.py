"""What the letters of a word or a run stand for."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from exfilter.content.encoded.letters import BASE32, BASE58, BASE64, HEX, WORDS, Code
from exfilter.content.encoded.meaning import inflated, openable, readable, sure, text_of

_LEAST = 16
"""Letters of a word that shows that there are others."""
_WRAPPED = 40
"""Letters from which on something may have been done to them."""
_TELLING = 10
"""Characters of text that chance does not make: it makes each with 3 in 8."""
_HEAD = 1 << 10
"""Letters of a long run by which it is judged."""
_PARTS = re.compile(r"[/+_-]+")
_MAGIC = re.compile(
    "UEsDB|UEsFB|H4sI|Qlpo|/Td6WFoA|KLUv/|N3q8rycc|UmFyIRoH|JVBERi0|0M8R4KGxGuE|U1FMaXRlIGZvcm1h"
)
"""How the base64 of archives and documents begins."""
_MAGIC_REACH = 1 << 14
_MANY = 40
"""Different letters of base64 that stands for anything: of 64, it has nearly all."""
_LINE = 60
"""Letters of the lines that base64 is broken into. A list of shorter ones may be one of tokens."""
_SIGNS = frozenset("+/")
"""Tokens are made without them, for addresses."""
_DIGESTS = frozenset({32, 40, 48, 56, 64, 96, 128})
"""Hexadecimal digits of a digest: a list of such lines is none of pieces."""


class Reading(NamedTuple):
    """What the letters of a run stand for."""

    name: str
    text: str = ""
    data: bytes = b""
    """What is to be opened, where it is no text."""
    simple: bool = False
    """It is what ``word`` reads too."""


class Choice(NamedTuple):
    """How a long run is to be read."""

    code: Code
    skip: int = 0
    """Letters in front that do not belong to it."""
    disguise: str = ""
    """What was done to the letters besides."""
    undo: Callable[[str], str] = str

    @property
    def step(self) -> str:
        """The step of provenance."""
        return f"{self.disguise} {self.code.name}" if self.disguise else self.code.name

    @property
    def backwards(self) -> bool:
        """Whether the last letters come first."""
        return self.undo is _reversed


def word(letters: str) -> tuple[str, str] | None:
    """Return the name of the code of a word, and its text, or None where it stands for no text."""
    letters = letters.removeprefix("0x").removeprefix("0X")
    for code in WORDS:
        if code.pattern.fullmatch(letters):
            data = code.decode(letters)
            text = text_of(data) if len(data) > 3 else None
            if text is not None:
                return code.name, text
    return None


def run(letters: str, *, fits: bool) -> Reading | None:
    """Return what a short run stands for. `fits`: it is like encoded ASCII, maybe with something around."""
    if len(letters) < _LEAST:
        return None
    known = word(letters)
    if known is not None:
        return Reading(*known, simple=True) if len(known[1]) >= _TELLING else None
    for code in WORDS:
        if code.pattern.fullmatch(letters):
            data = code.decode(letters)
            if openable(data):
                return Reading(code.name, data=data)
            text = inflated(data)
            if text is not None:
                return Reading(f"{code.name} > deflate", text)
    if len(letters) in _DIGESTS and HEX.pattern.fullmatch(letters):
        return None
    return (_around(letters) if fits else None) or (_disguised(letters) if len(letters) >= _WRAPPED else None)


def _disguised(letters: str) -> Reading | None:
    """Return the text in letters that something was done to, or that are digits of one big number."""
    text = text_of(BASE58.decode(letters)) if BASE58.pattern.fullmatch(letters) else None
    if text is not None:
        return Reading(BASE58.name, text)
    for name, undo in _DISGUISES[1:]:
        known = word(undo(letters))
        if known is not None and len(known[1]) >= _TELLING:
            return Reading(f"{name} {known[0]}", known[1])
        data = BASE64.decode(undo(letters)) if BASE64.pattern.fullmatch(letters) else b""
        if openable(data):
            return Reading(f"{name} {BASE64.name}", data=data)
    return None


def _around(letters: str) -> Reading | None:
    """Return the text in a run that begins or ends with letters of something else."""
    for some in sorted(_PARTS.split(letters), key=len, reverse=True)[:2]:
        known = word(some) if _LEAST <= len(some) < len(letters) else None
        if known is not None and len(known[1]) >= _TELLING:
            return Reading(*known)
    for skip in range(4):
        text = text_of(readable(BASE64.decode(letters[skip:])) or b"\x01")
        if text is not None:
            return Reading(BASE64.name, text)
    return None


def chosen(letters: str, size: int, *, surely: bool) -> Choice | None:
    """Return how to read a long run, or None where it is no code.

    `size`: the letters of its pieces. `surely`: only if its bytes mean something.
    """
    head = letters[:_HEAD]
    found = next(_surely(letters, head), None)
    if found or surely:
        return found
    middle = len(letters) // 16 * 8  # of whole groups, in each code
    return _by_letters(head, size) or _by_letters(letters[middle : middle + _HEAD], size)


def _surely(letters: str, head: str) -> Iterator[Choice]:
    """Yield the ways to read a run in which its beginning means something."""
    for name, undo in _DISGUISES:
        plain = undo(letters[-_HEAD:] if undo is _reversed else head)
        for code in WORDS:
            if code.pattern.fullmatch(plain) and sure(code.decode(_whole(plain, code))):
                yield Choice(code, 0, name, undo)
    for skip in range(1, 4):
        if readable(BASE64.decode(head[skip:])):
            yield Choice(BASE64, skip)
    magic = _MAGIC.search(letters, 0, _MAGIC_REACH)
    if magic:
        yield Choice(BASE64, magic.start())


def _whole(letters: str, code: Code) -> str:
    return letters[: len(letters) // code.unit * code.unit] or letters


def _by_letters(head: str, size: int) -> Choice | None:
    """Return the code whose letters a run has, though nothing shows what it stands for."""
    if HEX.pattern.fullmatch(head[: len(head) // 2 * 2]):
        return None if size in _DIGESTS or head.isdigit() else Choice(HEX)
    if BASE32.pattern.fullmatch(head):
        return Choice(BASE32) if len(set(head)) > _MANY // 2 else None
    kinds = set(head)
    if 0 < size < _LINE and not kinds >= _SIGNS:
        return None
    return Choice(BASE64) if BASE64.pattern.fullmatch(head) and len(kinds) > _MANY else None


def _reversed(text: str) -> str:
    return text[::-1]


def _rotated(text: str) -> str:
    return codecs.encode(text, "rot13")


_DISGUISES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", str),
    ("reversed", _reversed),
    ("rot13", _rotated),
    ("swapped case", str.swapcase),
)
