"""The kernel in plain Python: text in, arrays of candidates and hits out.

It is the contract. Slow and obvious; the oracle of the native kernel's tests, and what runs where
no compiler was at hand. Everything that is looked for here is local: no candidate reaches further
than ``limits.Limits.overlap``, so long text can be read in slices that overlap.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import emails, lead, names, phones, tickets
from detectors.folding import fold_with_offsets
from exfilter.kernel.layer import NOBODY
from exfilter.kernel.siphash import siphash24
from exfilter.kernel.tables import (
    EMAIL,
    FIRST,
    LAST,
    NAME,
    NAME_LOOSE,
    NAME_LOWER,
    NAME_MONO,
    Candidates,
    Matches,
    Tables,
)
from exfilter.model import Int64Array, Kind

PAIR_TOKENS = 3
"""How many name tokens back a partner is looked for."""
PAIR_CHARACTERS = 96
"""Characters between the two tokens of a pair, at most."""


class Candidate(NamedTuple):
    """A span of folded text that has the shape of an identifier."""

    shape: int
    start: int
    end: int
    canonical: bytes
    lead: int = 0


def find(text: str, tables: Tables, records: Int64Array | None = None) -> Matches:
    """Return what ``text`` holds. ``records``: ascending offsets which no name reaches across."""
    folded, sources = fold_with_offsets(text)
    shapes = {shape.name: number for number, shape in enumerate(tables.shapes) if shape.keys}
    found = list(_emails(text, folded, sources)) if tables.shapes[EMAIL].keys else []
    masked = _without(folded, found)
    found += _phones(folded, shapes)
    found += _tickets(folded, tables.templates, shapes)
    named, strangers = _names(masked, text, sources, records, tables)
    place = None if sources is None else sources.__getitem__
    return look_up(_hashed(found + named, tables), strangers, place, tables)


# -- e-mail addresses: they grow from an @ ---------------------------------------------------

LOCAL_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._+-")
LOCAL_RARE = frozenset("!#$%&'*/=?^`{|}~")
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


def _emails(text: str, folded: str, sources: Int64Array | None) -> Iterator[Candidate]:
    at = folded.find("@")
    while at >= 0:
        end = _grow_right(folded, at + 1)
        for start in _local_starts(folded, at, end):
            first, last = (
                (start, end - 1) if sources is None else (int(sources[start]), int(sources[end - 1]))
            )
            form = emails.canonical(text[first : last + 1])
            if form is not None:
                yield Candidate(EMAIL, start, end, form)
        at = folded.find("@", at + 1)


def _grow_right(folded: str, start: int) -> int:
    end, stop = start, min(len(folded), start + emails.MAX_DOMAIN + 1)
    while end < stop and (folded[end] in _DOMAIN or (folded[end] >= "\x80" and folded[end].isalnum())):
        end += 1
    while end > start and folded[end - 1] in ".-":
        end -= 1
    return end


def _local_starts(folded: str, at: int, end: int) -> list[int]:
    """Return where the local part may begin.

    A rare character is legal in a local part but far more often stands in front of one
    (``mail=ina@...``), so both readings are candidates; an apostrophe inside a word belongs to it,
    unless it opens a quoted string.
    """
    bottom = max(0, at - emails.MAX_LOCAL - 1)
    plain = at
    while plain > bottom and _is_local(folded[plain - 1]):
        plain -= 1
    whole = plain
    while whole > bottom and (folded[whole - 1] in LOCAL_RARE or _is_local(folded[whole - 1])):
        whole -= 1
    inside_word = plain > 1 and folded[plain - 1] == "'" and folded[plain - 2].isalnum()
    inside_word = inside_word and not _opens_string(folded, plain - 1, end)
    starts = [] if inside_word else [plain]
    if whole < plain:
        starts.append(whole)
    trimmed = {_trim(folded, start, at) for start in starts}
    return sorted(start for start in trimmed if 0 < at - start <= emails.MAX_LOCAL)


def _opens_string(folded: str, quote: int, end: int) -> bool:
    """Whether an apostrophe begins a string, as in ``N'ina@...'`` (SQL) or ``b'ina@...'`` (Python)."""
    prefixed = folded[quote - 1] in STRING_PREFIXES and not (quote > 1 and folded[quote - 2].isalnum())
    return prefixed or folded[end : end + 1] == "'"


STRING_PREFIXES = "nebufrq"


def _is_local(character: str) -> bool:
    return character in LOCAL_PLAIN or (character >= "\x80" and character.isalnum())


def _trim(folded: str, start: int, at: int) -> int:
    while start < at and folded[start] in "'`.-+":
        start += 1
    return start


def _without(folded: str, found: list[Candidate]) -> str:
    """Blank the addresses, keeping length: the words of an address are not a person's name."""
    if not found:
        return folded
    pieces, at = [], 0
    for candidate in sorted(found, key=lambda c: (c.start, -c.end)):
        if candidate.end > at:
            start = max(at, candidate.start)
            pieces += [folded[at:start], "0" * (candidate.end - start)]
            at = candidate.end
    return "".join(pieces) + folded[at:]


# -- telephone numbers: digit groups joined by what people put between them ------------------

_DIGITS = re.compile(r"[0-9]+")
_PHONE_GAP = re.compile(r"[ \-./()]{1,3}")
_AFTER_PLUS = 10
"""Digits behind a ``+`` among which no national number begins: they belong to that number."""


class _Group(NamedTuple):
    start: int
    end: int
    plus: bool
    joined: bool
    """Follows the group before it closely enough to be of one number with it."""
    trunk: bool
    """``(0)``: not dialled after a country code."""


def _groups(folded: str) -> Iterator[_Group]:
    before = -1
    for match in _DIGITS.finditer(folded):
        start, end = match.span()
        if _is_word(folded, start - 1) or (_is_word(folded, end) and not _is_extension(folded, end)):
            before = -1
            continue
        plus = folded[max(0, start - 1) : start] == "+" or folded[max(0, start - 2) : start] == "+("
        joined = before >= 0 and not plus and _PHONE_GAP.fullmatch(folded, before, start) is not None
        trunk = folded[start - 1 : end + 1] == "(0)"
        yield _Group(start, end, plus, joined, trunk)
        before = end


def _is_extension(folded: str, at: int) -> bool:
    """Whether an extension is written at the end of a number: ``x12``, ``ext12``, ``ext 12``."""
    after = at + (3 if folded.startswith("ext", at) else 1 if folded.startswith("x", at) else 0)
    after += after > at + 1 and folded[after : after + 1] in (" ", ".")
    return after > at and folded[after : after + 1].isascii() and folded[after : after + 1].isdigit()


def _is_word(folded: str, at: int) -> bool:
    return 0 <= at < len(folded) and (folded[at].isalnum() or folded[at] == "_")


def _phones(folded: str, shapes: dict[str, int]) -> Iterator[Candidate]:
    groups = list(_groups(folded))
    consumed = _AFTER_PLUS
    for number, group in enumerate(groups):
        if group.plus or folded.startswith("00", group.start):
            consumed = 0
        elif not group.joined:
            consumed = _AFTER_PLUS
        international = consumed == 0
        if international or consumed >= _AFTER_PLUS:
            yield from _numbers_from(folded, groups, number, shapes, international=international)
        consumed += group.end - group.start


def _numbers_from(
    folded: str, groups: list[_Group], first: int, shapes: dict[str, int], *, international: bool
) -> Iterator[Candidate]:
    digits = ""
    for number in range(first, min(len(groups), first + phones.MAX_GROUPS)):
        group = groups[number]
        if number > first and not group.joined:
            return
        if not (international and group.trunk):
            digits += folded[group.start : group.end]
        if len(digits) > phones.MAX_DIGITS + 3:
            return
        if len(digits) < phones.MIN_DIGITS:
            continue
        for plus, spelled in phones.spellings(digits, plus=groups[first].plus):
            shape = shapes.get(phones.shape(plus, len(spelled)))
            if shape is not None:
                yield Candidate(shape, groups[first].start, group.end, f"{plus}{spelled}".encode())


# -- ticket numbers: the shapes that the index learnt ----------------------------------------


def patterns(templates: tuple[tickets.Template, ...]) -> dict[str, tuple[tickets.Run, ...]]:
    """Return the runs to look for by shape: the templates and the bare digits of each."""
    found = {}
    for template in templates:
        found[template.shape] = template.runs
        bare = template.bare_digits
        if bare >= tickets.MIN_BARE_DIGITS:
            found[tickets.bare_shape(bare)] = (tickets.Run("", bare, digits=True),)
    return found


@functools.lru_cache(maxsize=8)
def _expressions(templates: tuple[tickets.Template, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return (shape, expression) with one group for each run. Matches may overlap each other."""
    gap = f"[{re.escape(tickets.SEPARATORS)}]{{0,{tickets.MAX_SEPARATORS}}}"
    return tuple(
        (shape, re.compile(rf"(?<![^\W_])(?={gap.join(map(_expression, runs))}(?![^\W_]))"))
        for shape, runs in patterns(templates).items()
    )


def _expression(run: tickets.Run) -> str:
    characters = "[0-9]" if run.digits else "[a-z0-9]"
    return f"({re.escape(run.literal) or f'{characters}{{{run.length}}}'})"


def _tickets(
    folded: str, templates: tuple[tickets.Template, ...], shapes: dict[str, int]
) -> Iterator[Candidate]:
    for shape, expression in _expressions(templates):
        if shape not in shapes:
            continue
        for match in expression.finditer(folded):
            form = "".join(match.groups()).upper().encode()
            yield Candidate(shapes[shape], match.start(1), match.end(match.lastindex or 1), form)


# -- names: unordered pairs of tokens that the index knows -----------------------------------

_WORD = re.compile(r"\w+(?:'\w+)*|\n")
_LETTER = re.compile(names.LETTER)
_TOKEN = re.compile(names.TOKEN)


@dataclass(frozen=True, slots=True)
class _Token:
    form: str
    start: int
    end: int
    word: int
    line: int
    record: int
    capital: bool


def _tokens(
    masked: str, text: str, sources: Int64Array | None, records: Int64Array | None
) -> Iterator[_Token]:
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
            source = start if sources is None else int(sources[start])
            record = 0 if records is None else int(np.searchsorted(records, source, side="right"))
            yield _Token(form, start, end, number, line, record, text[source].isupper())


def _is_passed_over(word: str) -> bool:
    """Whether a word is an initial or a particle, which keep no two names apart."""
    return word in names.PARTICLES or (len(word) == 1 and _LETTER.fullmatch(word) is not None)


def _is_digit(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isdigit()


def _names(
    masked: str, text: str, sources: Int64Array | None, records: Int64Array | None, tables: Tables
) -> tuple[list[Candidate], int]:
    """Return the candidates, and how many pairs stand like names of people nobody knows."""
    if not tables.shapes[NAME].keys and not tables.shapes[NAME_MONO].keys:
        return [], 0
    found = list(_tokens(masked, text, sources, records))
    roles = _roles([token.form for token in found], tables)
    single = list(_single(found, roles)) if tables.shapes[NAME_MONO].keys else []
    known = [
        (token, role)
        for token, role in zip(found, roles, strict=True)
        if role and len(token.form) <= names.MAX_TOKEN
    ]
    pairs = list(_pairs(known))
    standing = [pair for pair in pairs if pair.shape != NAME_LOOSE]
    starts, ends = {pair.start for pair in standing}, {pair.end for pair in standing}
    free = [(token, token.start not in starts and token.end not in ends) for token in found if token.capital]
    return single + pairs, _strangers(free)


def _pairs(known: list[tuple[_Token, int]]) -> Iterator[Candidate]:
    """Yield the pairs of known tokens.

    Each token stands in one name at most, from left to right, whether that name is a customer's or
    not; the pairs beside it are loose. So is a pair across the end of a line where either token has
    a partner in its own line: a list of names does not get out of step.
    """
    free, partnered = 0, set[int]()
    for first, (token, _) in enumerate(known):
        taken = first < free
        partners = _partners(known, first)
        partnered.update(second for second, _ in partners if known[second][0].line == token.line)
        for second, common in partners:
            other = known[second][0]
            shape = NAME_LOOSE
            across = other.line != token.line
            if not (taken or (across and (first in partnered or _has_partner(known, first, second)))):
                shape = NAME if token.capital and other.capital else NAME_LOWER
                taken, free = True, second + 1
            yield Candidate(shape, token.start, other.end, names.pair(token.form, other.form), common)


def _partners(known: list[tuple[_Token, int]], first: int) -> list[tuple[int, int]]:
    """Return (number, commonness) of each token behind one that may be of one name with it."""
    token, role = known[first]
    found = []
    for second in range(first + 1, min(len(known), first + 1 + PAIR_TOKENS)):
        other, other_role = known[second]
        if not _reaches(token, other):
            break
        common = _commonness(role, other_role)
        if common:
            found.append((second, common))
    return found


def _has_partner(known: list[tuple[_Token, int]], first: int, second: int) -> bool:
    """Whether a token in the line of the second, and behind the first, may be of one name with it."""
    line = known[second][0].line
    before = range(first + 1, second)
    return any(known[other][0].line == line for other, _ in _partners(known, second)) or any(
        known[other][0].line == line and _commonness(known[other][1], known[second][1]) for other in before
    )


def _strangers(capital: list[tuple[_Token, bool]]) -> int:
    """Count the pairs of capitalised tokens, each token in one at most, that touch no known name."""
    count = first = 0
    while first + 1 < len(capital):
        (token, free), (other, other_free) = capital[first], capital[first + 1]
        if not _reaches(token, other):
            first += 1
            continue
        count += free and other_free
        first += 2
    return count


def _roles(forms: list[str], tables: Tables) -> list[int]:
    distinct = dict.fromkeys(forms)
    hashes = siphash24(tables.token_key, [form.encode() for form in distinct])
    slots = (hashes & np.uint64(len(tables.roles) - 1)).astype(np.int64)
    known = dict(zip(distinct, tables.roles[slots].tolist(), strict=True))
    return [known[form] for form in forms]


def _reaches(token: _Token, other: _Token) -> bool:
    """Whether two tokens may be one name. A new line counts as a word."""
    return (
        other.word - token.word <= names.REACH_WORDS
        and other.start - token.end <= PAIR_CHARACTERS
        and other.record == token.record
    )


def _commonness(one: int, other: int) -> int:
    """Return how common a name of the two is at the most; 0: they complement each other in no way."""
    ways = ((one & FIRST, other >> 4), (other & FIRST, one >> 4))
    return max(int(given + family) if given and family else 0 for given, family in ways)


def _single(found: list[_Token], roles: list[int]) -> Iterator[Candidate]:
    """Yield names of one word; in scripts without spaces also those inside a longer run."""
    for token, role in zip(found, roles, strict=True):
        if not names.is_cjk(token.form):
            if role & FIRST and role & LAST:
                yield Candidate(NAME_LOOSE, token.start, token.end, token.form.encode())
            continue
        for length in names.CJK_LENGTHS:
            for at in range(len(token.form) - length + 1):
                shape = NAME_MONO if length == len(token.form) else NAME_LOOSE
                start = token.start + at
                yield Candidate(shape, start, start + length, token.form[at : at + length].encode())


# -- look-up ---------------------------------------------------------------------------------

CANDIDATE = np.dtype([("start", "i8"), ("end", "i8"), ("tag", "u8"), ("shape", "u2"), ("lead", "u2")])


def _hashed(found: list[Candidate], tables: Tables) -> NDArray[np.void]:
    rows = [(c.start, c.end, 0, c.shape, c.lead or lead(c.canonical)) for c in found]
    hashed = np.array(rows, dtype=CANDIDATE)
    kinds = [tables.shapes[candidate.shape].kind for candidate in found]
    for kind in Kind:
        mine = [row for row, other in enumerate(kinds) if other == kind]
        hashed["tag"][mine] = siphash24(tables.kind_keys[kind], [found[row].canonical for row in mine])
    return hashed


def look_up(
    found: NDArray[np.void],
    strangers: int,
    sources: Callable[[Int64Array], Int64Array] | None,
    tables: Tables,
) -> Matches:
    """Return the hits among candidates, in order of their place, and what was looked for.

    ``found``: records of ``CANDIDATE``. ``sources``: gives the source characters of offsets in it.
    """
    tag = found["tag"]
    posting = tables.look_up(tag)
    hit = np.flatnonzero(posting != NOBODY)
    hit = hit[np.lexsort((tag[hit], found["shape"][hit], found["end"][hit], found["start"][hit]))]
    start, end = found["start"][hit], found["end"][hit]
    if sources is not None:
        start, end = sources(start), sources(end - 1) + 1
    kinds = np.array([shape.kind for shape in tables.shapes], dtype=np.uint8)
    return Matches(
        kind=kinds[found["shape"][hit]],
        shape=found["shape"][hit],
        start=start,
        end=end,
        posting=posting[hit],
        tag=tag[hit],
        lead=found["lead"][hit],
        candidates=_distinct(found, strangers),
    )


def _distinct(found: NDArray[np.void], strangers: int) -> Candidates:
    found = found[found["shape"] != NAME_LOOSE]
    order = np.lexsort((found["tag"], found["shape"]))
    shape, tag = found["shape"][order], found["tag"][order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (shape[1:] != shape[:-1]) | (tag[1:] != tag[:-1])
    return Candidates(shape[first], found["lead"][order][first], tag[first], strangers)
