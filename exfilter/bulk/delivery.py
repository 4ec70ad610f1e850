"""The index on its way to the nodes of a cluster: once to each that lacks it, piece by piece."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from exfilter import __version__
from exfilter.bulk import node as far
from exfilter.bulk.cache import Listed, Listing, Piece
from exfilter.bulk.messages import Opening, Refused, Stand
from exfilter.index import manifest, store
from exfilter.index.keys import IndexKey
from exfilter.limits import MIB

LARGEST = 8 * MIB
"""Bytes of a piece."""
SMALLEST = MIB // 4
UNDER_WAY = 64 * MIB
"""Bytes that the scheduler holds at most, a copy of a piece for each node, up to 256 nodes."""
PATIENCE = 5
"""How often nothing may arrive anywhere until that is an error."""

Told = Callable[[int, int], None]
"""Hears how many bytes of an index have arrived everywhere, and of how many."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An index that is open: it can be delivered whatever is published in its place."""

    listing: Listing
    _files: Mapping[str, BinaryIO] = field(repr=False)

    def piece(self, at: int, length: int) -> Piece:
        """Return what comes after so many bytes of all files, of one file. Raises IndexError at the end."""
        for name, file in self.listing.files.items():
            if at < file.size:
                return Piece(name, at, os.pread(self._files[name].fileno(), length, at))
            at -= file.size
        msg = "all has been delivered"
        raise IndexError(msg)


@contextmanager
def parcel(path: Path, key: IndexKey, index_id: str) -> Iterator[Parcel]:
    """Open the index that a driver scans with. Raises ValueError where another one has taken its place."""
    used = store.version(path, key)
    if used.id != index_id:
        msg = f"{path}: another index was published just now; scan again"
        raise ValueError(msg)
    with ExitStack() as stack:
        names = (manifest.FILE, *(f"{name}.npy" for name in used.about.arrays))
        files = {name: stack.enter_context((used.directory / name).open("rb")) for name in names}
        sums = {f"{name}.npy": array.sha256 for name, array in used.about.arrays.items()}
        sums[manifest.FILE] = manifest.digest(used.directory / manifest.FILE)
        listed = {name: Listed(os.fstat(file.fileno()).st_size, sums[name]) for name, file in files.items()}
        yield Parcel(Listing(index_id, listed), files)


@dataclass(slots=True)
class Delivery:
    """One index and the cluster that it goes to."""

    client: Any
    opening: Opening
    parcel: Parcel
    told: Told

    def deliver(self) -> None:
        """Bring the index to every node that lacks it. A node that goes meanwhile is left alone.

        Raises OSError where a node cannot keep it, ValueError where its workers are none of ours.
        """
        for _ in range(2):
            lacking = self._lacking()
            if not lacking:
                return
            self._send(lacking)
            damaged = [node for node, good in self._each(lacking, far.finish).items() if not good]
            if not damaged:
                return
        msg = "the index arrived damaged twice: look at the disks of the nodes, then scan with --resume"
        raise OSError(msg)

    def _lacking(self) -> dict[str, list[str]]:
        """Return the workers of each node that lacks the index."""
        nodes = defaultdict(list)
        told = self.client.run(far.stand, self.opening, self.parcel.listing, on_error="return")
        for worker, stand in told.items():
            if _answered(worker, stand, Stand) and stand.node:
                nodes[stand.node].append(worker)
        return dict(nodes)

    def _send(self, nodes: dict[str, list[str]]) -> None:
        total = self.parcel.listing.bytes
        at = idle = 0
        self.told(0, total)
        while nodes and at < total:
            piece = self.parcel.piece(at, _length(len(nodes)))
            here = self._each(nodes, far.take, piece)
            last, at = at, min((here.get(node, at) for node in nodes), default=total)
            idle = idle + 1 if at <= last else 0
            if idle > PATIENCE:
                msg = (
                    "the index does not arrive at a node; look at its workers' logs, then scan with --resume"
                )
                raise OSError(msg)
            self.told(at, total)

    def _each(self, nodes: dict[str, list[str]], function: Any, *more: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what one worker of each node answers. Who does not answer is asked no more."""
        here = self.client.nthreads()
        for node, workers in list(nodes.items()):
            nodes[node] = [worker for worker in workers if worker in here]
            if not nodes[node]:
                del nodes[node]
        if not nodes:
            return {}
        asked = {workers[0]: node for node, workers in nodes.items()}
        given = (self.opening, self.parcel.listing, *more)
        told = self.client.run(function, *given, workers=list(asked), on_error="return")
        found = {}
        for worker, node in asked.items():
            answer = told.get(worker)
            if _answered(worker, answer, int):
                found[node] = answer
            else:
                nodes[node].remove(worker)
        return found


def _length(nodes: int) -> int:
    return max(SMALLEST, min(LARGEST, UNDER_WAY // nodes))


def _answered(who: str, answer: object, kind: type) -> bool:
    """Whether a worker answered; if not, it is gone. Raises OSError or ValueError where it cannot."""
    if isinstance(answer, Refused):
        msg = f"{who}: {answer.problem}"
        raise OSError(msg)
    if isinstance(answer, Exception) and not isinstance(answer, OSError):  # It could not even run this.
        msg = f"{who}: this worker has no exfilter, or another one; install {__version__} there"
        raise ValueError(msg)  # noqa: TRY004 - said to who started the scan
    return isinstance(answer, kind)
