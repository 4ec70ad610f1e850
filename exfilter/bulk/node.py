"""What a worker does about the index: it uses the driver's own where that is here, else its node's copy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exfilter.bulk.cache import VARIABLE, Cache, Listing, Piece, open_cache
from exfilter.bulk.messages import Opening, Refused, Stand
from exfilter.index import keys, manifest
from exfilter.index.store import Index, IndexRefused, current


@dataclass(slots=True)
class Copy:
    """The copy that this process uses: its node keeps it as long."""

    _used: int | None = None

    def open(self, opening: Opening, key: keys.IndexKey) -> Index | None:
        """Open the driver's index, in place of the one before. None: it is not here.

        Raises IndexRefused, also for a key that is not its own, and OSError.
        """
        before, self._used = self._used, None
        try:
            if _named(opening.index) == opening.index_id:
                return _same(Index.open(opening.index, key), opening)
            cache = open_cache()
            self._used = cache.use(opening.index_id)
            return None if self._used is None else _cached(cache, opening, key)
        finally:
            if before is not None:
                os.close(before)


def _named(path: Path) -> str:
    """Return the id of the index in a folder, as its name says it. Empty: there is none to be read."""
    try:
        name = current(path)
        (path / name / manifest.FILE).open("rb").close()
        return name.partition(".")[0]
    except (IndexRefused, OSError):
        return ""


def _same(index: Index, opening: Opening) -> Index | None:
    return index if index.id == opening.index_id else None


def _cached(cache: Cache, opening: Opening, key: keys.IndexKey) -> Index | None:
    """Open a copy. None: it is damaged, and removed."""
    try:
        return _same(Index.open(cache.place(opening.index_id), key), opening)
    except IndexRefused:
        cache.discard(opening.index_id)
        return None


async def stand(opening: Opening, listing: Listing) -> Stand | Refused:
    """Say whether this node wants the index, and make room for it."""

    def said() -> Stand | Refused:
        if _named(opening.index) == opening.index_id:
            return Stand("")
        cache = open_cache()
        cache.sweep(opening.index_id)
        if cache.holds(opening.index_id):
            return Stand("")
        if missing := cache.room(listing):
            return Refused(_advice(opening, f"{cache.root}: {missing} bytes more are needed"))
        return Stand(cache.node())

    return await answered(opening, said)


async def take(opening: Opening, listing: Listing, piece: Piece) -> int | Refused:
    """Keep a piece of the index. Return how many bytes of it are here."""
    return await answered(opening, lambda: open_cache().take(listing, piece))


async def finish(opening: Opening, listing: Listing) -> bool | Refused:
    """Put the index in its place. False: it arrived damaged, and was removed."""
    return await answered(opening, lambda: open_cache().finish(listing))


async def answered[T](opening: Opening, act: Callable[[], T]) -> T | Refused:
    """Return what is found beside the loop, in which the worker says that it lives."""
    try:
        return await asyncio.to_thread(act)
    except ValueError as error:
        return Refused(str(error))
    except OSError as error:
        return Refused(_advice(opening, str(error)))


def _advice(opening: Opening, problem: str) -> str:
    return (
        f"the index cannot be kept there: {problem}; make room, or let {VARIABLE} of that worker name a "
        f"folder of its own, or give it the index as {opening.index}"
    )
