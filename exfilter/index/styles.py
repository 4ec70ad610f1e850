"""How a table makes the local parts of its addresses out of names, and new ones made the same way.

A style is what remains of ``Anna.Kowalska87`` without the customer: given name, a stop, family name, two
digits, capitals. A local part that is not made of the bearer's own name has none.
"""

from __future__ import annotations

import re
from random import Random

from anyascii import anyascii

from detectors.folding import fold

GIVEN, FAMILY, INITIALS = "<given>", "<family>", ("<g>", "<f>")
YEAR, DIGIT, CAPITALS = "<year>", "<digit>", "<capitals>"
_BORN = (1950, 2005)
_LEAST_DIGITS = 3
"""In a style without a whole name: it has to tell its bearer from others."""
_WORD = re.compile("[^a-z]+")
_TOKEN = re.compile("<[a-z]+>|[._-]")


def plain(name: str) -> str:
    """Return the letters of a name as addresses write them."""
    return _WORD.sub("", anyascii(fold(name)).lower())


def style(local: str, given: str, family: str) -> str:
    """Return the style of a local part. Empty: it is not made of its bearer's name."""
    first, last = _first(given), plain(family)
    known = {first: GIVEN, last: FAMILY} if first != last else {last: FAMILY}
    initials = {first[:1]: INITIALS[0]} | ({last[:1]: INITIALS[1]} if last[:1] != first[:1] else {})
    words = sorted(filter(None, known), key=len, reverse=True)
    text = local.lower()
    pieces = re.findall("|".join([*map(re.escape, words), "(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])", "."]), text)
    tokens = [known.get(piece) or initials.get(piece) or _sign(piece) for piece in pieces]
    whole = GIVEN in tokens or FAMILY in tokens
    enough = YEAR in tokens or tokens.count(DIGIT) >= _LEAST_DIGITS
    if "" in tokens or not (whole or enough):
        return ""
    return "".join(tokens) + (CAPITALS if local != text else "")


def styled(made: str, given: str, family: str, random: Random) -> str:
    """Return a local part of that style. Empty: it needs a name that there is not."""
    first, last = _first(given), plain(family)
    known = {GIVEN: first, FAMILY: last, INITIALS[0]: first[:1], INITIALS[1]: last[:1]}
    text = ""
    for token in _TOKEN.findall(made.removesuffix(CAPITALS)):
        if token in known and not known[token]:
            return ""
        text += known.get(token) or _filled(token, random)
    return text.title() if made.endswith(CAPITALS) else text


def _first(given: str) -> str:
    """Return the first of several given names, which addresses have."""
    return plain(next(iter(given.split()), ""))


def _sign(piece: str) -> str:
    if len(piece) > 1:
        return YEAR
    if piece in "0123456789":
        return DIGIT
    return piece if piece in "._-" else ""


def _filled(token: str, random: Random) -> str:
    if token == YEAR:
        return str(random.randint(*_BORN))
    return random.choice("0123456789") if token == DIGIT else token
