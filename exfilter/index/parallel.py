"""Work in threads, with the results in order: they do not depend on how many there are."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order[Work, Result](
    pool: Executor | None, function: Callable[[Work], Result], items: Iterable[Work], ahead: int
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item. ``ahead``: items that are worked on at a time.

    ``pool``: None for one at a time, when it is asked for.
    """
    if pool is None:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
