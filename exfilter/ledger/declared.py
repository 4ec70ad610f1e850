"""The peer group of each actor for a trace.

By what is at hand: the policy, the groups file, and what the directory said last. Nobody is asked anew: a
trace among ten thousand actors would be ten thousand searches.

Of several groups the smallest counts that has enough members here: those who share a region or a team with
him. Where the ledger calls actors by pseudonyms, globs of the policy match only where they are names.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exfilter.groups import listed
from exfilter.groups.kept import Kept
from exfilter.groups.membership import ANSWERS
from exfilter.ledger.holding import Int32Array

if TYPE_CHECKING:
    from exfilter.policy import Policy
    from exfilter.settings import Settings

FEWEST = 5
"""Members below which a group is no peer group: it says nothing about anybody."""
WILD = re.compile(r"[*?\[]")


def groups(
    given: Settings, policy: Policy, names: Sequence[str], known_as: Callable[[str], Sequence[str]]
) -> Int32Array:
    """Return the group of each actor, 0 for none. ``names``, ``known_as``: as the ledger has them."""
    members = _members(given, known_as)
    for group, globs in policy.groups.items():
        for glob in globs:
            if not WILD.search(glob):
                for name in known_as(glob):
                    members[name.casefold()].add(group.casefold())
    patterns = {group.casefold(): _pattern(globs) for group, globs in policy.groups.items() if globs}
    found = [
        members.get(name.casefold(), set())
        | {group for group, one in patterns.items() if one(name.casefold())}
        for name in names
    ]
    return numbered(found)


def numbered(found: Sequence[Iterable[str]]) -> Int32Array:
    """Return one number for each actor: of the smallest of his groups that has members enough."""
    many = Counter(group for some in found for group in some)
    sizes = {group: count for group, count in many.items() if count >= FEWEST}
    number = {group: place for place, group in enumerate(sorted(sizes), 1)}
    chosen = (
        min((group for group in some if group in sizes), key=lambda g: (sizes[g], g), default="")
        for some in found
    )
    return np.array([number.get(group, 0) for group in chosen], dtype=np.int32)


def _members(given: Settings, known_as: Callable[[str], Sequence[str]]) -> defaultdict[str, set[str]]:
    """Return groups by actor, without case, from the file and from the answers of the directory."""
    sources: list[Mapping[str, frozenset[str]]] = []
    if given.groups_file.name:
        sources.append(listed.read(given.groups_file))
    if given.ldap_url:
        sources.append(Kept(given.folder / ANSWERS).answers())
    members: defaultdict[str, set[str]] = defaultdict(set)
    for source in sources:
        for actor, theirs in source.items():
            for name in known_as(actor):
                members[name.casefold()] |= theirs
    return members


def _pattern(globs: Iterable[str]) -> Callable[[str], object]:
    return re.compile("|".join(fnmatch.translate(glob.casefold()) for glob in globs)).match
