"""The array files of one version of the index: their names and types, and mapping them, checked."""

from __future__ import annotations

import contextlib
import hashlib
import math
import mmap
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from exfilter.index import checked
from exfilter.index.manifest import REBUILD, ArrayFile, IndexRefused, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from exfilter.index.checked import Identity

LAYER = {
    "records": "<u4",
    "buckets": "<u4",
    "filter": "<u8",
    "postings_start": "<i8",
    "postings": "<u4",
}
"""Array files of a layer, with their types: see ``exfilter.kernel.layer``."""
CUSTOMERS = {
    "customer_tags": "<u8",
    "customer_ids": "|u1",
    "customer_ids_start": "<i8",
}
"""By ordinal."""
ARRAYS = {**LAYER, "roles": "|u1", "density": "<f8", "customer_live": "|b1", **CUSTOMERS}
"""Array files of every index."""
COUNTRIES = "customer_country"
"""By ordinal, see ``exfilter.index.origins``. Not in an index of format 2."""
UPDATE = "update_"
"""How the names of those begin that hold what has changed since the build: a layer, and the
customers that have come since."""
UPDATED = {f"{UPDATE}{name}": dtype for name, dtype in (LAYER | CUSTOMERS).items()}
"""Further array files of an index that was updated."""
OLDEST = 2
"""Format of the indexes in which nobody has a country."""
KEPT = (*LAYER, *CUSTOMERS)
"""Those that an update does not change."""


class Mapped(NamedTuple):
    """An array file."""

    array: NDArray[np.generic]
    """Memory-mapped, read-only."""
    checked: Identity | None
    """The identity under which it was found whole. None: another one may come of a change."""


def names(about: Manifest) -> tuple[str, ...]:
    """Return the names of all array files of an index."""
    countries = (COUNTRIES,) if about.format > OLDEST else ()
    return (*ARRAYS, *countries, *(UPDATED if about.updated else ()))


def load(
    directory: Path, about: Manifest, wanted: Iterable[str], known: Mapping[str, Identity] | None
) -> dict[str, Mapped]:
    """Map the arrays of these names.

    ``known``: the identities of those that need not be read again; all others are read and compared
    with the manifest. None: only sizes are looked at.

    Raises IndexRefused with all files that are not what the manifest says.
    """
    mapped, faults = {}, []
    for name in wanted:
        file = directory / f"{name}.npy"
        try:
            mapped[name] = _map(file, name, about.arrays.get(name), known)
        except FileNotFoundError:
            faults.append(f"the index has lost its {file}")
        except _AlteredError:
            faults.append(f"{file} is truncated or altered")
    if faults:
        msg = f"{'; '.join(faults)}: {REBUILD}"
        raise IndexRefused(msg)
    return mapped


def identities(directory: Path, about: Manifest) -> tuple[Identity, ...]:
    """Return what changes when any array file does. Raises IndexRefused where one is lost."""
    try:
        return tuple(checked.identity((directory / f"{name}.npy").stat()) for name in names(about))
    except FileNotFoundError as error:
        msg = f"the index has lost its {error.filename}: {REBUILD}"
        raise IndexRefused(msg) from None


class _AlteredError(Exception):
    """A file is not what the manifest says."""


def _map(file: Path, name: str, expected: ArrayFile | None, known: Mapping[str, Identity] | None) -> Mapped:
    with file.open("rb", buffering=0) as content:
        found = checked.identity(os.fstat(content.fileno()))
        if known is not None and known.get(name) != found:
            # Written pages go to the disk: the next store through a mapping changes the file's times.
            os.fsync(content.fileno())
            found = checked.identity(os.fstat(content.fileno()))
        size = found[2]
        if expected is None or size != expected.size or expected.dtype != _dtype(name):
            raise _AlteredError
        whole: Identity | None = None
        if known is not None and known.get(name) == found:
            whole = found
        elif known is not None:
            now = time.time_ns()
            if hashlib.file_digest(content, "sha256").hexdigest() != expected.sha256:
                raise _AlteredError
            same = checked.identity(os.fstat(content.fileno())) == found
            whole = found if same and checked.settled(found, now) else None
        memory = mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ)
    # Look-ups go all over the index, each to another page. Where the kernel reads files in huge pages
    # (Linux with large folios), ordinary text was read 8 % faster.
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    # The header in the file is not read: the manifest says the same, under its MAC.
    dtype = np.dtype(expected.dtype)
    offset = size - dtype.itemsize * math.prod(expected.shape)
    return Mapped(np.ndarray(expected.shape, dtype, buffer=memory, offset=offset), whole)


def _dtype(name: str) -> str:
    return "<u2" if name == COUNTRIES else ARRAYS.get(name) or UPDATED[name]
