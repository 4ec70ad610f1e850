"""Fields beside each other: ``"030","23125117"`` and ``"area": "030", "number": "23125117"``.

A value may be split over two of them. Both functions read the same from either side: the end of
one field, a mark, a key if there is one, the beginning of the next. No end of a line is passed.
"""

from __future__ import annotations

from exfilter.kernel.plain.candidate import MARKS

LONGEST_KEY = 32
"""Characters of a key between two values of one object."""
QUOTES = "\"'"
OPENING = f"{MARKS}{QUOTES}>\n"
"""What a field may begin behind."""
CLOSING = f"{MARKS}{QUOTES}<\r\n"
"""What a field may end before."""


def _at(folded: str, place: int) -> str:
    return folded[place] if 0 <= place < len(folded) else "\0"


def next_field(folded: str, end: int) -> int:
    """Return where the field behind the one that ends here begins; -1: none is there."""
    here = end + (_at(folded, end) in QUOTES)
    here += _at(folded, here) == " "
    if _at(folded, here) not in MARKS:
        return -1
    here += 2 if folded.startswith("\t\t", here) else 1
    here += _at(folded, here) == " "
    here = _behind_key(folded, here)
    return here + (_at(folded, here) in QUOTES)


def _behind_key(folded: str, start: int) -> int:
    if _at(folded, start) != '"':
        return start
    close = folded.find('"', start + 1, start + 2 + LONGEST_KEY)
    if close <= start + 1 or "\n" in folded[start:close]:
        return start
    here = close + 1
    here += _at(folded, here) == " "
    if _at(folded, here) != ":":
        return start
    return here + 1 + (_at(folded, here + 1) == " ")


def field_before(folded: str, start: int) -> int:
    """Return where the field before the one that begins here ends; -1: none is there."""
    here = start - (_at(folded, start - 1) in QUOTES)
    here = _before_key(folded, here)
    here -= _at(folded, here - 1) == " "
    if _at(folded, here - 1) not in MARKS:
        return -1
    here -= 2 if _at(folded, here - 1) == _at(folded, here - 2) == "\t" else 1
    here -= _at(folded, here - 1) == " "
    return here - (_at(folded, here - 1) in QUOTES)


def _before_key(folded: str, end: int) -> int:
    here = end - (_at(folded, end - 1) == " ")
    if _at(folded, here - 1) != ":":
        return end
    here -= 1
    here -= _at(folded, here - 1) == " "
    close = here - 1
    if _at(folded, close) != '"':
        return end
    open_ = folded.rfind('"', max(0, close - 1 - LONGEST_KEY), close)
    return end if open_ < 0 or open_ == close - 1 or "\n" in folded[open_:close] else open_


def opens(folded: str, start: int) -> bool:
    """Whether a field may begin here."""
    start -= _at(folded, start - 1) == " "
    return start == 0 or folded[start - 1] in OPENING


def closes(folded: str, end: int) -> bool:
    """Whether a field may end here, and no key."""
    return end == len(folded) or (folded[end] in CLOSING and folded[end : end + 2] != '":')
