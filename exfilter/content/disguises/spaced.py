"""Letters with something between each two of them: ``j o h n``, ``j.o.h.n``."""

from __future__ import annotations

import re

from exfilter.content.glimpse import Glimpse, Range

_SHOWN = re.compile(rb"(?<![aA0])[aA0](?:(?: {1,6}|\?{1,2})[aA0](?![aA0])){3,}")
"""Letters apart in the shape of a window."""
_LONG, _SHARE = 18, 0.15
"""Characters of a stretch that no list of variables has, and the share that shorter ones have together."""
_ONE = r"[^\W_]"
_SIGN = r"(?:[^\W_]|[@.+_-])"
_MARKED = re.compile(rf"(?<!\w){_ONE}([^\w\s@]{{1,3}}|_){_SIGN}(?:\1{_SIGN}){{2,}}(?!\w)")
_BLANKS = re.compile(r"(?<!\S)\S(?:[^\S\n]{1,6}\S(?!\S)){5,}")
_GAP = re.compile(r"\s+")
_LETTERS = 4
_INNER = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may have letters apart."""
    return glimpse.where(glimpse.shape, _apart) if _apart(glimpse.shape) else []


def _apart(shape: bytes) -> bool:
    found = [len(stretch[0]) for stretch in _SHOWN.finditer(shape)]
    return bool(found) and (max(found) >= _LONG or sum(found) >= _SHARE * len(shape))


def undo(text: str) -> str:
    """Put together letters that stand apart."""
    text = _MARKED.sub(lambda found: _INNER.sub(" ", found[0][:: 1 + len(found[1])]), text)
    return _BLANKS.sub(_joined, text)


def _joined(found: re.Match[str]) -> str:
    """Return the words: between them the gap is wider, or a capital begins one."""
    if sum(map(str.isalnum, found[0])) < _LETTERS:
        return found[0]
    usual = min(map(len, _GAP.findall(found[0])))
    words = re.split(rf"\s{{{usual + 1},}}", found[0])
    return " ".join(_INNER.sub(" ", _GAP.sub("", word)) for word in words)
