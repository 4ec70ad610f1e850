"""Names of people.

A name is the unordered pair of its first and last token, folded: ``Ana Sofia de la Cruz`` and
``CRUZ, Ana`` share one key. Names of one token, and names in scripts that put no spaces between
words, are keys of their own. Titles, suffixes, particles and initials do not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from detectors import Key
from detectors.folding import fold
from exfilter.model import Kind

SHAPE = "name"
MONO = "name of one word"
MAX_TOKEN = 32
"""Characters of the longest token that is looked at."""
REACH_WORDS = 3
"""Words from the first token of a pair to the second, at most; initials and particles do not count."""
CJK_LENGTHS = range(2, 7)
"""Characters of a name without spaces in Han, Kana or Hangul."""

TITLES = frozenset(
    "mr mrs ms miss mx dr prof sir dame lord lady herr frau dipl ing mag senor senora sr sra don dona "
    "monsieur madame mme mlle signor signora jr ii iii iv phd md esq dds cpa mba bsc msc ba ma".split()
)
PARTICLES = frozenset(
    "van von der den de del della di da dos das du la le las los el al bin ibn ben y e zu zum zur "
    "ten ter af av".split()
)
GROWN = PARTICLES | frozenset("mc mac fitz st san santa saint".split())
"""What a capital follows within one name: ``McDonald`` is no ``Mc Donald``."""

SAME = (
    ("Anna Kowalska", "anna kowalska", "KOWALSKA, Anna", "Anna B. Kowalska", "Ms. Anna Kowalska"),
    (
        "\u0141ukasz Wi\u015bniewski",
        "Lukasz Wisniewski",
        "WI\u015aNIEWSKI \u0141UKASZ",
        "L\u0323ukasz Wis\u0301niewski",
    ),
    ("Ana Sofia Maria de la Cruz", "Ana Cruz", "CRUZ, Ana Sofia M.", "Ana S. M. de la Cruz"),
    ("Ludwig van der Berg", "Ludwig Berg", "Berg, Ludwig", "ludwig VAN DER BERG"),
    ("Sean O'Hara", "SEAN O\u2019HARA", "Sean Ohara", "Sean O'Hara's"),
    ("Maria Lopez", '"first_name": "Maria", "last_name": "Lopez"', "<b>Maria</b>\tLopez"),
    (
        "Maria Lopez",
        "MariaLopez",
        "mariaLopez",
        "LopezMaria",
        "mariaLOPEZ",
        "MariaBeLopez",
        "Maria_Lopez",
        "Maria.Lopez",
    ),
    ("J\u00f6rg M\u00fcller", "Joerg Mueller", "MUELLER, JOERG", "joergMueller"),
    ("\u5f20\u4f1f", "\u5ba2\u6237\u5f20\u4f1f\u5df2\u4ed8\u6b3e"),
    ("\u5c71\u7530 \u592a\u90ce", "\u5c71\u7530\u592a\u90ce", "\u5c71\u7530 \u592a\u90ce"),
)
LOOKALIKES = (
    ("Anna Kowalska", "Anna Kowalski"),
    ("Anna Kowalska", "Hanna Kowalska"),
    ("Anna Kowalska", "Anna met a very old friend, Kowalska"),
    ("Anna Kowalska", "Anna2 Kowalska"),
    ("Ina Berg", "Inaberg"),
    ("Mac Berg", "MacBerg"),
    ("Joerg Mueller", "J\u00f6rg M\u00fcller"),
)

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
LETTER = rf"[^\W\d_{CJK}]"
"""Regular expression: a letter of a script that puts spaces between words."""
TOKEN = rf"[{CJK}]+|{LETTER}+(?:'{LETTER}+)*"
"""Regular expression: a word, with its apostrophes, or a run of a script without spaces."""
_TOKEN = re.compile(TOKEN)
_DIGRAPH = re.compile("([aou])e")
_CJK_RUN = re.compile(rf"[{CJK}]+")


def tokens(text: str) -> list[str]:
    """Return the folded tokens of a name or text: letters, apostrophes dropped, no possessive."""
    return [token_form(match.group()) for match in _TOKEN.finditer(fold(text))]


def token_form(token: str) -> str:
    """Return the form in which a folded token counts."""
    return token.removesuffix("'s").replace("'", "")


def without_digraphs(token: str) -> str:
    """Return a token with ``ae``, ``oe`` and ``ue`` as those write umlauts who have none: as their vowel."""
    return _DIGRAPH.sub(r"\1", token)


def is_cjk(token: str) -> bool:
    """Whether a token is written in a script that puts no spaces between words."""
    return _CJK_RUN.fullmatch(token) is not None


def pair(one: str, other: str) -> bytes:
    """Return the canonical form of two tokens, whatever their order."""
    return "\x1f".join(sorted((one, other))).encode()


def _telling(text: str, least: int) -> list[str]:
    """Return the tokens that tell one person from another, ``least`` of them where there are any.

    Don is a title and a given name: the last tokens that are left always count.
    """
    telling = [t for t in tokens(text) if len(t) <= MAX_TOKEN and (len(t) > 1 or is_cjk(t))]
    for empty in (TITLES, PARTICLES):
        full = [t for t in telling if t not in empty]
        if len(full) >= least:
            telling = full
    return telling


def split(full: str) -> tuple[str, str]:
    """Split a full name into given and family part: ``Last, First`` is turned round."""
    family, comma, given = full.partition(",")
    if comma and any(token not in TITLES for token in tokens(given)):
        return given, family
    telling = _telling(full, 2)
    return (" ".join(telling[:-1]), telling[-1]) if len(telling) > 1 else ("", full)


def ends(given: str, family: str) -> tuple[str, str]:
    """Return the first token of the given name and the last one of the family name.

    Either is empty where there is none.
    """
    first, last = _telling(given, 1), _telling(family, 1)
    return (first[0] if first else ""), (last[-1] if last else "")


def keys(given: str, family: str) -> tuple[Key, ...]:
    """Return the keys of a person's name; empty where it has no letters."""
    first, last = ends(given, family)
    if first and last:
        found = [Key(Kind.NAME, SHAPE, pair(first, last))]
        if is_cjk(first) and is_cjk(last):
            found += _mono((last + first, first + last))
        return tuple(found)
    return tuple(_mono((first or last,)))


def _mono(spellings: Sequence[str]) -> list[Key]:
    shortest = 3
    return [
        Key(Kind.NAME, MONO, spelling.encode())
        for spelling in dict.fromkeys(spellings)
        if (len(spelling) in CJK_LENGTHS if is_cjk(spelling) else len(spelling) >= shortest)
        and spelling not in TITLES
    ]
