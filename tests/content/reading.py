"""Reads a body the way a door does, without the net of ``content.read`` for mistakes."""

from __future__ import annotations

import itertools

from exfilter import content
from exfilter.content.budget import Budget
from exfilter.limits import Limits
from exfilter.model import Expired, Headers, Part, Reason, Transfer, Unscanned, never

LIMITS = Limits()


def transfer(body: bytes, headers: Headers = (), url: str = "") -> Transfer:
    """Return a file, or a request where there are headers or a URL."""
    name = "" if headers or url else "customers.dat"
    return Transfer(door="scan", body=body, name=name, headers=headers, url=url)


def items(
    body: bytes, headers: Headers = (), url: str = "", limits: Limits = LIMITS, expired: Expired = never
) -> list[Part | Unscanned]:
    """Return all that is yielded. A mistake in a reader raises."""
    budget = Budget(limits, expired)
    try:
        return list(content.items(transfer(body, headers, url), budget))
    finally:
        budget.sandbox.close()


def parts(body: bytes, headers: Headers = (), url: str = "", limits: Limits = LIMITS) -> list[Part]:
    """Return the parts."""
    return [item for item in items(body, headers, url, limits) if isinstance(item, Part)]


def reasons(body: bytes, headers: Headers = (), limits: Limits = LIMITS) -> list[Reason]:
    """Return why something was not read."""
    return [item.reason for item in items(body, headers, "", limits) if isinstance(item, Unscanned)]


def texts(body: bytes, headers: Headers = (), url: str = "", limits: Limits = LIMITS) -> dict[str, str]:
    """Return the text by its provenance, slices joined by a line of hyphens."""
    found: dict[str, list[str]] = {}
    for part in parts(body, headers, url, limits):
        found.setdefault(part.provenance, []).append(part.text)
    return {place: "\n---\n".join(pieces) for place, pieces in found.items()}


def main(body: bytes, headers: Headers = ()) -> Part:
    """Return the first part of the body."""
    place = "request.body" if headers else "customers.dat"
    return next(part for part in parts(body, headers) if part.path[0] == place)


def records(part: Part) -> list[str]:
    """Return the text cut at its records."""
    assert part.records is not None
    bounds = [*part.records.tolist(), len(part.text)]
    return [part.text[start:end] for start, end in itertools.pairwise(bounds)]
