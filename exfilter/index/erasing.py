"""Customers who are to be in the index no more, also not as hashes: removed, and folded into a new base.

What stays is a tombstone: the number that the customer had, so that nobody else gets it, and under it the
sealed id. ``index build --fresh`` leaves that out too, and numbers everybody anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exfilter.index import affected, arrays, removals, store
from exfilter.index.merge import merge
from exfilter.index.store import Index
from exfilter.index.update import Request, update

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from exfilter.index.keys import IndexKey
    from exfilter.model import Ordinals


def ordinals(path: Path, key: IndexKey, ids: Sequence[str]) -> Ordinals:
    """Return the ordinal of each customer id, also of those who are gone; -1: the index never had it.

    Raises ValueError or OSError.
    """
    of = store.version(path, key)
    names = [name for name in arrays.names(of.about) if name.endswith("customer_tags")]
    tags = store.customer_tags(store.load(of, names))
    nobody_gone = np.ones(len(tags), dtype=np.bool_)
    return affected.find(tags, nobody_gone, None, removals.of(ids, key)).listed


def erase(path: Path, key: IndexKey, ids: Sequence[str]) -> Ordinals:
    """Remove customers, and return the ordinals that they had. Who is gone already stays so.

    Raises ValueError, and does nothing, where the index never had one of them, or has no ids.
    """
    had = ordinals(path, key, ids)
    if (had < 0).any():
        places = ", ".join(str(place + 1) for place in np.flatnonzero(had < 0))
        msg = f"the index never had a customer with the id given as number {places}: nothing was done"
        raise ValueError(msg)
    if Index.open(path, key).live[had].any():
        update(path, key, Request(listed=removals.of(ids, key)))
        merge(path, key)
    return had
