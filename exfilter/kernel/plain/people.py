"""Names: unordered pairs of tokens that the index knows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from detectors import names
from exfilter.kernel.plain.apart import pairs_apart
from exfilter.kernel.plain.candidate import Candidate, Text
from exfilter.kernel.plain.token import PAIR_CHARACTERS, Token, commonness, reaches
from exfilter.kernel.siphash import siphash24
from exfilter.kernel.tables import FIRST, LAST, NAME, NAME_LOOSE, NAME_LOWER, NAME_MONO, Tables

PAIR_TOKENS = 3
"""How many name tokens back a partner is looked for."""
MOST_CUTS = 3
"""Capitals within a word at which it may be cut."""
_WORD = re.compile(r"\w+(?:'\w+)*|\n")
_JOINED = re.compile(rf"[Aa]a+(?:(?:Aa+){{1,{MOST_CUTS}}}|AA+)")
"""How capitals and small letters stand in two or more names without a space."""
_LETTER = re.compile(names.LETTER)
_TOKEN = re.compile(names.TOKEN)
_HOLDS = " -'._"
"""What stands between the words of one name, beside initials and particles."""


def people(text: Text, masked: str, tables: Tables) -> tuple[list[Candidate], int]:
    """Return the candidates, and how many pairs stand like names of people nobody knows.

    ``masked``: the folded text with its addresses blanked.
    """
    if not tables.shapes[NAME].keys and not tables.shapes[NAME_MONO].keys:
        return [], 0
    found = list(_Roles(text, tables).known(_tokens(masked, text)))
    single = list(_single(found)) if tables.shapes[NAME_MONO].keys else []
    known = [token for token in found if token.role and len(token.form) <= names.MAX_TOKEN]
    pairs, mates = _pairs(known, text.folded)
    numbered = [
        each if each.shape == NAME_LOOSE else each._replace(column=text.column(each.start))
        for each in (*single, *pairs)
    ]
    free = [(token, token.start not in mates) for token in found if token.capital]
    return [*numbered, *pairs_apart(known, mates, text)], _strangers(free)


# -- tokens ----------------------------------------------------------------------------------


def _tokens(masked: str, text: Text) -> Iterator[Token]:
    number, line, passed = -1, 0, False
    for word in _WORD.finditer(masked):
        number += not passed
        line += word.group() == "\n"
        passed = _is_passed_over(word.group())
        for match in _TOKEN.finditer(masked, word.start(), word.end()):
            start, end = match.span()
            form = names.token_form(match.group())
            if len(form) > names.MAX_TOKEN and not names.is_cjk(form):
                continue
            if (
                (len(form) == 1 and not names.is_cjk(form))
                or _is_digit(masked, start - 1)
                or _is_digit(masked, end)
            ):
                continue
            yield Token(form, start, end, number, line, text.record(start), _is_capital(text, start))


def _is_passed_over(word: str) -> bool:
    """Whether a word is an initial or a particle, which keep no two names apart."""
    return word in names.PARTICLES or (len(word) == 1 and _LETTER.fullmatch(word) is not None)


def _is_digit(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isdigit()


def _is_capital(text: Text, at: int) -> bool:
    return text.source[text.place(at)].isupper()


class _Roles:
    """What the index knows of tokens."""

    def __init__(self, text: Text, tables: Tables) -> None:
        self._text, self._tables = text, tables
        self._roles: dict[str, int] = {}

    def known(self, tokens: Iterable[Token]) -> Iterator[Token]:
        """Yield the tokens with their roles, those that are two names without a space cut."""
        for token in tokens:
            plain = token.form.isascii() and len(token.form) == token.end - token.start
            whole = self._with_role(token, plain=plain)
            yield from (plain and self._cut(whole)) or (whole,)

    def _with_role(self, token: Token, *, plain: bool) -> Token:
        """Return a token with its role. ``plain``: it is of ASCII letters only."""
        role = self._role(token.form)
        if role or not plain:
            return replace(token, role=role)
        other = names.without_digraphs(token.form)
        role = self._role(other) if len(other) > 1 else 0
        return replace(token, form=other, role=role, plain=False) if role else token

    def _cut(self, whole: Token) -> tuple[Token, ...]:
        """Return the given and the family name that one word holds: ``AnnaKowalska``, ``maxMustermann``."""
        start, end = whole.start, whole.end
        cases = "".join("A" if _is_capital(self._text, at) else "a" for at in range(start, end))
        if not _JOINED.fullmatch(cases):
            return ()
        cuts = [start + at for at in range(1, end - start) if cases[at - 1 : at + 1] == "aA"]
        for number, first in enumerate(cuts):
            for second in cuts[number:]:
                left, right = self._piece(whole, start, first), self._piece(whole, second, end)
                if self._is_name(left, right, whole):
                    return left, right
        return ()

    def _piece(self, whole: Token, start: int, end: int) -> Token:
        form = self._text.folded[start:end]
        capital = _is_capital(self._text, start)
        piece = Token(form, start, end, whole.word, whole.line, self._text.record(start), capital)
        return self._with_role(piece, plain=True)

    def _is_name(self, left: Token, right: Token, whole: Token) -> bool:
        if min(left.end - left.start, right.end - right.start) < 2 or left.form in names.GROWN:
            return False
        return commonness(left.role, right.role) > 0 and (not whole.role or left.lean * right.lean < 0)

    def _role(self, form: str) -> int:
        if form not in self._roles:
            slots = siphash24(self._tables.token_key, [form.encode()]) & np.uint64(
                len(self._tables.roles) - 1
            )
            self._roles[form] = int(self._tables.roles[slots[0]])
        return self._roles[form]


def _single(found: Sequence[Token]) -> Iterator[Candidate]:
    """Yield names of one word; in scripts without spaces also those inside a longer run."""
    for token in found:
        if not names.is_cjk(token.form):
            if token.plain and token.role & FIRST and token.role & LAST:
                yield Candidate(NAME_LOOSE, token.start, token.end, token.form.encode())
            continue
        for length in names.CJK_LENGTHS:
            for at in range(len(token.form) - length + 1):
                shape = NAME_MONO if length == len(token.form) else NAME_LOOSE
                start = token.start + at
                yield Candidate(shape, start, start + length, token.form[at : at + length].encode())


# -- pairs -----------------------------------------------------------------------------------


def _pairs(known: Sequence[Token], folded: str) -> tuple[list[Candidate], dict[int, int]]:
    """Return the pairs of known tokens; and by the start of those that stand in a name, that of the other.

    Each token stands in one name at most, from left to right, whether that name is a customer's or
    not; the pairs beside it are loose. So is a pair across the end of a line where either token has
    a partner in its own line: a list of names does not get out of step.
    """
    free, partnered = 0, set[int]()
    found: list[Candidate] = []
    mates: dict[int, int] = {}
    for first, token in enumerate(known):
        partners = _partners(known, first)
        partnered.update(second for second, _ in partners if known[second].line == token.line)
        open_ = [
            second
            for second, _ in partners
            if known[second].line == token.line
            or not (first in partnered or _has_partner(known, first, second))
        ]
        chosen = _chosen(known, first, open_, folded) if open_ and first >= free else -1
        if chosen >= 0:
            free = chosen + 1
            mates[token.start], mates[known[chosen].start] = known[chosen].start, token.start
        for second, common in partners:
            other = known[second]
            standing = NAME if token.capital and other.capital else NAME_LOWER
            shape = standing if second == chosen else NAME_LOOSE
            form = names.pair(token.form, other.form)
            found.append(Candidate(shape, token.start, other.end, form, common))
    return found, mates


def _partners(known: Sequence[Token], first: int) -> list[tuple[int, int]]:
    """Return (number, commonness) of each token behind one that may be of one name with it."""
    found = []
    for second in range(first + 1, min(len(known), first + 1 + PAIR_TOKENS)):
        if not reaches(known[first], known[second]):
            break
        common = commonness(known[first].role, known[second].role)
        if common:
            found.append((second, common))
    return found


def _has_partner(known: Sequence[Token], first: int, second: int) -> bool:
    """Whether a token in the line of the second, and behind the first, may be of one name with it."""
    line = known[second].line
    before = range(first + 1, second)
    return any(known[other].line == line for other, _ in _partners(known, second)) or any(
        known[other].line == line and commonness(known[other].role, known[second].role) for other in before
    )


def _chosen(known: Sequence[Token], first: int, open_: Sequence[int], folded: str) -> int:
    """Return which of the partners a token stands in a name with; -1: none of them.

    It is the nearest, unless their leanings say that the name is longer. Of a name that fills a
    field, first and last token count. Of ``Anna Maria Kowalska`` the middle one is passed over, and
    in ``Garcia Lopez, Maria`` the first one.
    """
    token, nearest = known[first], open_[0]
    beside = [second for second in open_[1:] if known[second].line == token.line]
    if not beside or known[nearest].line != token.line:
        return nearest
    last = _last_of_field(known, first, folded)
    if last in beside:
        return last
    if token.lean > 0 and known[nearest].lean > 0:
        family = next((second for second in beside if known[second].lean < 0), nearest)
        held = not _is_held(known, family - 1, folded) or _all_held(known, first, family, folded)
        return family if held else nearest
    if token.lean < 0 and known[nearest].lean < 0 and _all_held(known, first, nearest, folded):
        return -1 if any(known[second].lean > 0 for second in beside) else nearest
    return nearest


def _last_of_field(known: Sequence[Token], first: int, folded: str) -> int:
    """Return the last token of a name that reaches to the end of its field; -1: there is no such name.

    Words that the index does not know may stand in it.
    """
    last = first
    while last + 1 < len(known) and last < first + PAIR_TOKENS and _is_held(known, last, folded, words=2):
        last += 1
    leans = [known[number].lean for number in range(first, last + 1)]
    turned = any(one < 0 < other for one, other in itertools.pairwise(leans))
    return last if _ends_field(folded, known[last].end) and leans[0] > leans[-1] and not turned else -1


def _all_held(known: Sequence[Token], first: int, last: int, folded: str) -> bool:
    return all(_is_held(known, number, folded) for number in range(first, last))


def _is_held(known: Sequence[Token], number: int, folded: str, words: int = 1) -> bool:
    """Whether nothing parts a token from the next one, ``words`` further at most."""
    one, other = known[number], known[number + 1]
    return (
        other.word - one.word <= words
        and other.record == one.record
        and other.start - one.end <= PAIR_CHARACTERS
        and not any(parts(character) for character in folded[one.end : other.start])
    )


def parts(character: str) -> bool:
    """Whether a character of folded text does not stand within one name."""
    return character < "\x80" and not character.isalnum() and character not in _HOLDS


def _ends_field(folded: str, end: int) -> bool:
    end += folded[end : end + 1] == " "
    return end == len(folded) or parts(folded[end])


def _strangers(capital: list[tuple[Token, bool]]) -> int:
    """Count the pairs of capitalised tokens, each token in one at most, that touch no known name."""
    count = first = 0
    while first + 1 < len(capital):
        (token, free), (other, other_free) = capital[first], capital[first + 1]
        if not reaches(token, other):
            first += 1
            continue
        count += free and other_free
        first += 2
    return count
