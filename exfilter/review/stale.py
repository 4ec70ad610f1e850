"""Whether a release could still pass: it is bound to the policy and the index of the hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from exfilter import policy
from exfilter.index import keys, store
from exfilter.quarantine import Entry
from exfilter.settings import Settings


def stale(given: Settings, entry: Entry) -> list[str]:
    """Return what changed since. What is not on this machine is not known to have changed."""
    return [f"the {what} changed after the hold" for what, now, then in _both(given, entry) if now != then]


def _both(given: Settings, entry: Entry) -> Iterator[tuple[str, str, str]]:
    with contextlib.suppress(OSError, ValueError):
        yield "policy", policy.load(given.policy).digest, entry.policy
    with contextlib.suppress(OSError, ValueError):
        yield "index", store.version(given.index, keys.load(given.index_key)).id, entry.index_id
