"""Why a transfer was held, in plain words: the rule, the numbers, what was not read, and which versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exfilter.quarantine import Entry

REASONS = {
    "encrypted": "encrypted, and no known password opens it",
    "over-budget": "more than one scan reads",
    "deadline": "not read before the sender had to be answered",
    "malformed": "damaged, or not what it says it is",
    "unsupported": "of a kind that exfilter does not read",
}
"""Of what could not be read."""
ACTIONS = {
    "quarantine": "holds it until a reviewer decides",
    "block": "keeps it from its destination",
    "alert": "lets it pass and tells the reviewers",
    "allow": "lets it pass",
}


def sentences(entry: Entry) -> list[str]:
    """Return the reasons, the first one first."""
    return [*_rule(entry), *_numbers(entry), *_others(entry.verdict), *_unread(entry.verdict)]


def versions(entry: Entry) -> list[tuple[str, str]]:
    """Return what decided, by name: a replay with the same of each decides the same."""
    known = entry.verdict.get("versions", {})
    told = (
        ("exfilter", known.get("exfilter", "")),
        ("kernel", known.get("kernel", "")),
        ("canonicaliser", known.get("canonicaliser", "")),
        ("policy", entry.policy),
        ("index", entry.index_id or "none"),
    )
    return [(name, str(value)) for name, value in told]


def _rule(entry: Entry) -> Iterator[str]:
    does = ACTIONS.get(str(entry.verdict.get("action")), "decided")
    yield f"The rule “{entry.rule}” {does}: {entry.reason}."


def _numbers(entry: Entry) -> Iterator[str]:
    if not entry.customers:
        yield "No customer was found in what could be read."
        return
    yield (
        f"{_many(entry.customers, 'distinct customer')}: {entry.identified:,} identified one by one, "
        f"{entry.estimated:,} estimated from values that several customers share."
    )
    by = [f"{count:,} by {kind}" for kind, count in entry.fields.items() if count]
    if by:
        yield f"They were found {', '.join(by)}; one customer may be found by several."


def _others(verdict: Mapping[str, Any]) -> Iterator[str]:
    for team, count in verdict.get("canaries", {}).items():
        planted = _many(count, "canary", "canaries")
        yield f"{planted} of the copy of {team}: invented customers, whom nobody has a reason to write to."
    for label, count in verdict.get("terms", {}).items():
        yield f"The marked words “{label}” stand in it {_many(count, 'time')}."


def _unread(verdict: Mapping[str, Any]) -> Iterator[str]:
    for piece in verdict.get("unscanned", ()):
        meaning = REASONS.get(piece["reason"], piece["reason"])
        yield f"{_many(piece['parts'], 'part')} of {piece['bytes']:,} bytes could not be read: {meaning}."


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
