"""Groups in a file: a line for each, ``group: user user ...``, as Apache's ``AuthGroupFile`` has them.

Names with blanks stand in double quotes, ``#`` begins a comment, a group may have several lines. Names are
exact, in any case: patterns belong into the policy.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Listed = MappingProxyType[str, frozenset[str]]
"""Actor -> groups, both without case."""


def read(file: Path) -> Listed:
    """Read the file. Raises ValueError with file, line and reason."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        msg = f"{file}: not UTF-8; save the file as UTF-8"
        raise ValueError(msg) from None
    found: defaultdict[str, set[str]] = defaultdict(set)
    for number, line in enumerate(text.split("\n"), 1):
        try:
            for actor, group in _members(line):
                found[actor.casefold()].add(group.casefold())
        except ValueError as error:
            msg = f"{file}:{number}: {error}"
            raise ValueError(msg) from None
    return MappingProxyType({actor: frozenset(groups) for actor, groups in found.items()})


def _members(line: str) -> list[tuple[str, str]]:
    words = _words(line)
    if not words:
        return []
    group, colon, first = words[0].partition(":")
    if not group or not colon:
        msg = "a line is 'group: user user ...'; write a colon after the group's name"
        raise ValueError(msg)
    return [(actor, group) for actor in (first, *words[1:]) if actor]


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.quotes, lexer.escape, lexer.commenters = True, '"', "", "#"
    try:
        return list(lexer)
    except ValueError:
        msg = "a double quote is not closed; close it"
        raise ValueError(msg) from None
