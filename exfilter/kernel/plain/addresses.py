"""E-mail addresses: they grow from an ``@``, or from the end of a domain in a field of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors import emails
from exfilter.kernel.plain.candidate import Candidate, Text
from exfilter.kernel.plain.fields import closes, field_before, next_field, opens
from exfilter.kernel.tables import EMAIL

LOCAL_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._+-")
LOCAL_RARE = frozenset("!#$%&'*/=?^`{|}~")
SPACES = 2
"""Around an ``@``, at most, on either side."""
STRING_PREFIXES = "nebufrq"
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


def addresses(text: Text) -> Iterator[Candidate]:
    """Yield what may be an address around each ``@``."""
    folded = text.folded
    at = folded.find("@")
    while at >= 0:
        stop, domain = _local_end(folded, at), _domain_start(folded, at)
        end = _grow_right(folded, domain)
        for start in _local_starts(folded, stop, end):
            for form in emails.readings(text.within(start, stop), text.within(domain, end)):
                yield Candidate(EMAIL, start, end, form)
        at = folded.find("@", at + 1)


def _local_end(folded: str, at: int) -> int:
    """Return where the local part ends: at the ``@``, at a quote or space before, or in the field before."""
    if at == 0 or _is_local(folded[at - 1]) or folded[at - 1] in LOCAL_RARE:
        return at
    if folded[at - 1] == '"' and at > 1 and _is_local(folded[at - 2]):
        return at - 1
    stop = at
    while stop > max(0, at - SPACES) and folded[stop - 1] == " ":
        stop -= 1
    if stop and _is_local(folded[stop - 1]):
        return stop
    before = field_before(folded, at)
    return before if before > 0 and _is_local(folded[before - 1]) else at


def _domain_start(folded: str, at: int) -> int:
    """Return where the domain begins: behind the ``@``, behind spaces, or in the next field."""
    start = at + 1
    while start < len(folded) and start <= at + SPACES and folded[start] == " ":
        start += 1
    if start < len(folded) and _is_domain(folded[start]):
        return start
    following = next_field(folded, at + 1)
    found = 0 <= following < len(folded) and _is_domain(folded[following])
    return following if found else at + 1


def _grow_right(folded: str, start: int) -> int:
    end, stop = start, min(len(folded), start + emails.MAX_DOMAIN + 1)
    while end < stop and (_is_domain(folded[end]) or _is_full_stop(folded, end)):
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
    while plain > bottom and (_is_local(folded[plain - 1]) or _is_full_stop(folded, plain - 1)):
        plain -= 1
    whole = plain
    while whole > bottom and (
        folded[whole - 1] in LOCAL_RARE or _is_local(folded[whole - 1]) or _is_full_stop(folded, whole - 1)
    ):
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


def _is_local(character: str) -> bool:
    return character in LOCAL_PLAIN or (character >= "\x80" and character.isalnum())


def _is_domain(character: str) -> bool:
    return character in _DOMAIN or (character >= "\x80" and character.isalnum())


def _is_full_stop(folded: str, at: int) -> bool:
    """Whether the full stop of another script stands for a dot: between ASCII letters or digits."""
    return folded[at] == emails.FULL_STOP and all(
        beside.isascii() and beside.isalnum() for beside in (folded[at - 1 : at], folded[at + 1 : at + 2])
    )


def _trim(folded: str, start: int, at: int) -> int:
    while start < at and folded[start] in "'`.-+":
        start += 1
    return start


# -- local part and domain in two fields -----------------------------------------------------

TOP_LETTERS = range(2, 25)
"""Letters of the last label of such a domain."""
_TOP = re.compile(rf"\.[a-z]{{{min(TOP_LETTERS)},{max(TOP_LETTERS)}}}(?![a-z])")
_LABELS = re.compile(r"[a-z0-9.-]*\Z")
_LOCAL = re.compile(r"[a-z0-9._+-]*")
_LOCAL_BEFORE = re.compile(r"[a-z0-9._+-]*\Z")
_LETTERS = re.compile("[a-z]")


def split_addresses(text: Text) -> Iterator[Candidate]:
    """Yield the addresses of which local part and domain are fields beside each other, in a record."""
    folded = text.folded
    if text.records is None:
        return
    for top in _TOP.finditer(folded):
        start, end = _labels(folded, top.start()), top.end()
        if not (start < top.start() and opens(folded, start) and closes(folded, end)):
            continue
        for first, last in (_local_before(folded, start), _local_behind(folded, end)):
            if 0 < last - first <= emails.MAX_LOCAL and _LETTERS.search(folded, first, last):
                form = emails.canonical(f"{folded[first:last]}@{folded[start:end]}")
                if form is not None:
                    yield Candidate(EMAIL, min(first, start), max(last, end), form)


def _labels(folded: str, end: int) -> int:
    """Return where the domain begins."""
    found = _LABELS.search(folded, max(0, end - emails.MAX_DOMAIN), end)
    return found.start() if found else end


def _local_before(folded: str, start: int) -> tuple[int, int]:
    """Return the field before a domain, if it may be a local part. Empty: it may not."""
    end = field_before(folded, start)
    if end < 0:
        return 0, 0
    found = _LOCAL_BEFORE.search(folded, max(0, end - emails.MAX_LOCAL - 1), end)
    first = found.start() if found else end
    return (first, end) if opens(folded, first) else (0, 0)


def _local_behind(folded: str, end: int) -> tuple[int, int]:
    """Return the field behind a domain, if it may be a local part."""
    first = next_field(folded, end)
    if first < 0:
        return 0, 0
    found = _LOCAL.match(folded, first, min(len(folded), first + emails.MAX_LOCAL + 1))
    last = found.end() if found else first
    return (first, last) if closes(folded, last) else (0, 0)
