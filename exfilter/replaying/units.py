"""Pieces of captures that are read and scanned one by one, by whichever worker is free."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exfilter import flows
from exfilter.body import size
from exfilter.captures import Captured, Kind, Place, Unread, clean, har, kind, packets, warc

SAMPLE = 1 << 16
"""Bytes at the beginning and at the end of a capture that it is known again by."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One flow, entry, record or connection; its transfers are judged one after the other."""

    capture: Path
    kind: Kind
    at: Place | None
    """Where it stands in the capture. None: it was read already."""
    items: tuple[Captured | Unread, ...] = ()
    """What was read already."""
    actor: str = ""
    """Who sent it, where the capture does not say."""

    @property
    def weight(self) -> int:
        """Bytes that it makes its worker hold."""
        if self.at:
            return self.at.length
        return sum(size(item.transfer.body) for item in self.items if isinstance(item, Captured))

    @property
    def is_end(self) -> bool:
        """Whether it says that its capture is at its end."""
        return self.at is None and not self.items

    @property
    def place(self) -> str:
        """Where in the capture it is."""
        return self.at.name if self.at else next((item.place for item in self.items), "")


@dataclass(frozen=True, slots=True)
class Source:
    """One capture."""

    path: Path
    kind: Kind
    key: str
    """By which it is known again: its place, its size, its beginning and its end."""
    size: int
    begun: float
    """When the file was written last: the time of what has none. Seconds since the epoch."""


def source(path: Path) -> Source:
    """Look at a capture. Raises OSError, and ValueError for what is none."""
    found, about = kind(path), path.stat()
    digest = hashlib.blake2b(str(path.resolve()).encode("utf-8", "surrogateescape"), digest_size=16)
    with path.open("rb") as file:
        digest.update(file.read(SAMPLE))
        file.seek(max(0, about.st_size - SAMPLE))
        digest.update(file.read(SAMPLE))
    digest.update(str(about.st_size).encode())
    return Source(path, found, digest.hexdigest(), about.st_size, about.st_mtime)


def units(of: Source, actor: str, keys: Path | None) -> Iterator[Unit]:
    """Yield the units of a capture in its order. ``keys``: a TLS key log. Raises OSError or ValueError."""
    actor = actor or of.path.stem
    split = {Kind.DUMP: flows.places, Kind.HAR: har.places}.get(of.kind)
    if split:
        for place in split(of.path):
            if isinstance(place, Unread):
                yield Unit(of.path, of.kind, None, (place,))
            else:
                yield Unit(of.path, of.kind, place, (), actor)
        return
    whole: dict[Kind, Callable[[], Iterator[Captured | Unread]]] = {
        Kind.WARC: lambda: warc.captured(of.path, actor),
        Kind.PACKETS: lambda: packets.captured(of.path, keys),
    }
    for item in whole[of.kind]():
        yield Unit(of.path, of.kind, None, (item,), actor)


def opened(unit: Unit) -> Iterator[Captured | Unread]:
    """Yield the clean transfers of a unit. Raises OSError; ValueError for a flow of a newer mitmproxy."""
    for item in _opened(unit):
        yield clean(item) if isinstance(item, Captured) else item


def _opened(unit: Unit) -> Iterator[Captured | Unread]:
    if unit.at is None:
        yield from unit.items
        return
    with unit.capture.open("rb") as file:
        file.seek(unit.at.start)
        data = file.read(unit.at.length)
    if len(data) < unit.at.length:
        yield Unread(unit.at.name, "the capture became shorter while it was read")
    elif unit.kind is Kind.DUMP:
        yield from flows.captured(data, unit.at.name)
    else:
        yield from har.captured(data, unit.at.name, unit.actor)
