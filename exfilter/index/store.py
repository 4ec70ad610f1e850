"""Opening the index: flat arrays, memory-mapped, refused where a byte of them is not as it was built."""

from __future__ import annotations

import functools
import re
import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from detectors import CANONICALISER
from exfilter.index import manifest
from exfilter.index.keys import NAME_TOKEN, TAGS, IndexKey
from exfilter.index.manifest import REBUILD, IndexRefused, Manifest
from exfilter.index.sealed import AlteredError, SealedIds
from exfilter.index.statistics import Statistics
from exfilter.kernel.layer import Layer
from exfilter.kernel.tables import Tables
from exfilter.model import Kind, Ordinals, Uint64Array

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["Index", "IndexRefused", "Previous", "Statistics", "current", "previous"]

CURRENT = "CURRENT"
"""File that names the version in use: the only thing that changes when a new one is published."""
LAYER = {
    "records": "<u4",
    "buckets": "<u4",
    "filter": "<u8",
    "postings_start": "<i8",
    "postings": "<u4",
}
"""Array files of a layer: see ``exfilter.kernel.layer``."""
ARRAYS = {
    **LAYER,
    "roles": "|u1",
    "density": "<f8",
    "customer_tags": "<u8",
    "customer_live": "|b1",
    "customer_ids": "|u1",
    "customer_ids_start": "<i8",
}
"""Array files by name, with their types. The four last ones are by ordinal."""

SETTLED = 2_000_000_000
"""Nanoseconds after its last change from which on a file cannot change without a trace in its times:
more than a tick of any file system's clock."""

_VERSION = re.compile(r"[0-9a-f]{16}(\.\d+)?")
_Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Index:
    """An opened index. Stays as it is when a new one is published in its place."""

    id: str
    """16 hexadecimal digits; another table, key or exfilter gives another one."""
    tables: Tables = field(repr=False)
    statistics: Statistics = field(repr=False)
    customers: int
    """In the table of the last build."""
    ordinals: int
    """Customers in all: ordinals go from 0 to this. Some may be gone from the table."""
    live: NDArray[np.bool_] = field(repr=False)
    """By ordinal: whether the customer was in the table of the last build."""
    keys: dict[str, int]
    """Distinct keys by kind."""
    _ids: SealedIds = field(repr=False)

    @classmethod
    def open(cls, path: Path, key: IndexKey, *, whole: bool = True) -> Index:
        """Open the index in a directory.

        ``whole``: check every byte, which takes about a second a gigabyte and nothing when this
        process has done it before. Without it only sizes and types are looked at: for a process
        whose parent has just checked.

        Raises IndexRefused where it was built with another key or canonicaliser, where its format
        is another one, and where it is truncated or altered.
        """
        directory, about, identity = version(path, key)
        if about.canonicaliser != CANONICALISER:
            msg = (
                f"{path}: the index was built with canonicaliser version {about.canonicaliser}, "
                f"this exfilter has {CANONICALISER}: {REBUILD}"
            )
            raise IndexRefused(msg)
        arrays = load(directory, about, ARRAYS, whole=whole)
        try:
            shapes, templates = manifest.unseal(about, key)
        except AlteredError as error:
            raise IndexRefused(str(error)) from None
        of: dict[str, NDArray] = arrays  # type: ignore[type-arg]
        tables = Tables(
            kind_keys=tuple(key.subkey(TAGS[kind]) for kind in Kind),
            token_key=key.subkey(NAME_TOKEN),
            layers=(Layer(**{name: of[name] for name in LAYER}),),
            roles=of["roles"],
            shapes=shapes,
            templates=templates,
        )
        statistics = Statistics(customers=about.customers, density=of["density"], **about.statistics)
        ids = SealedIds(of["customer_ids"], of["customer_ids_start"], key)
        return cls(
            identity,
            tables,
            statistics,
            about.customers,
            about.ordinals,
            of["customer_live"],
            about.keys,
            ids,
        )

    def customer_ids(self, ordinals: Ordinals | Iterable[int]) -> list[str]:
        """Return the id of each ordinal, also of customers who are gone. Raises IndexError."""
        wanted = ordinals if isinstance(ordinals, np.ndarray) else list(ordinals)
        return self._ids.ids(np.asarray(wanted, dtype=np.int64))

    def all_ids(self) -> Iterator[str]:
        """Yield the id of every ordinal from 0 on, a block at a time. Raises AlteredError."""
        return iter(self._ids)


@dataclass(frozen=True, slots=True)
class Previous:
    """What a new build takes over from the index before it."""

    tags: Uint64Array
    """Of the customer, by ordinal."""
    live: NDArray[np.bool_]
    ids: SealedIds | tuple[str, ...]


def current(path: Path) -> str:
    """Return the name of the version in use: it changes when a new index is published.

    Raises IndexRefused where there is none.
    """
    try:
        name = (path / CURRENT).read_text("ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        msg = f"there is no index in {path}: run `exfilter index build CUSTOMERS` first"
        raise IndexRefused(msg) from None
    except UnicodeDecodeError:
        name = ""
    if not _VERSION.fullmatch(name):
        msg = f"{path / CURRENT} is altered: {REBUILD}"
        raise IndexRefused(msg)
    return name


def version(path: Path, key: IndexKey) -> tuple[Path, Manifest, str]:
    """Return the directory of the version in use, its manifest and its id. Raises IndexRefused."""
    directory = path / current(path)
    about, identity = manifest.read(directory, key)
    return directory, about, identity


def load(directory: Path, about: Manifest, names: Iterable[str], *, whole: bool = True) -> _Arrays:
    """Map the arrays of these names. Raises IndexRefused for one that is not what the manifest says."""
    files = {name: (directory / f"{name}.npy", about.arrays.get(name)) for name in names}
    return {name: _load(*files[name], ARRAYS[name], whole=whole) for name in files}


def _load(file: Path, expected: manifest.ArrayFile | None, dtype: str, *, whole: bool) -> NDArray[np.generic]:
    array = None
    try:
        status = file.stat()
        fits = expected is not None and status.st_size == expected.size
        if expected and fits and (not whole or _digest(file, status) == expected.sha256):
            array = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        msg = f"the index has lost its {file}: {REBUILD}"
        raise IndexRefused(msg) from None
    except ValueError:
        array = None
    if expected is None or array is None or array.dtype.str != dtype or array.shape != expected.shape:
        msg = f"{file} is truncated or altered: {REBUILD}"
        raise IndexRefused(msg)
    return cast("NDArray[np.generic]", array.view(np.ndarray))


def _digest(file: Path, status: os.stat_result) -> str:
    """Return the SHA-256 of a file, from memory where it is the very file of an earlier check."""
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    if time.time_ns() - changed < SETTLED:
        return manifest.digest(file)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _remembered(file.absolute(), identity)


@functools.lru_cache(maxsize=256)
def _remembered(file: Path, _identity: tuple[int, ...]) -> str:
    return manifest.digest(file)


def previous(path: Path, key: IndexKey) -> Previous | None:
    """Return what the next build takes over; None where there is no index.

    An index of an older canonicaliser will do: customers keep their ordinals over an upgrade.
    Raises IndexRefused.
    """
    if not (path / CURRENT).exists():
        return None
    directory, about, _ = version(path, key)
    names = [name for name in ARRAYS if name.startswith("customer_")]
    of: dict[str, NDArray] = load(directory, about, names)  # type: ignore[type-arg]
    ids = SealedIds(of["customer_ids"], of["customer_ids_start"], key)
    return Previous(of["customer_tags"], of["customer_live"], ids)


def check_digests(directory: Path, about: Manifest, names: Iterable[str]) -> None:
    """Compare the SHA-256 of array files with the manifest. Raises IndexRefused with all that differ."""
    altered = []
    for name in names:
        file = directory / f"{name}.npy"
        expected = about.arrays.get(name)
        if expected is None or not file.exists() or manifest.digest(file) != expected.sha256:
            altered.append(str(file))
    if altered:
        msg = f"altered: {', '.join(altered)}: {REBUILD}"
        raise IndexRefused(msg)


def scalars(statistics: Statistics) -> dict[str, int]:
    """Return the statistics that stand in the manifest."""
    names = (item.name for item in fields(statistics))
    return {name: getattr(statistics, name) for name in names if name not in ("customers", "density")}
