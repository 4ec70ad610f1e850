"""Opening the index: flat arrays, memory-mapped, refused where a byte of them is not as it was built."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import CANONICALISER
from exfilter.index import arrays, checked, manifest, origins
from exfilter.index.arrays import ARRAYS, COUNTRIES, LAYER, UPDATE
from exfilter.index.canaries import Planted, unseal
from exfilter.index.keys import NAME_TOKEN, TAGS, IndexKey
from exfilter.index.manifest import REBUILD, IndexRefused, Manifest
from exfilter.index.sealed import AlteredError, SealedIds, Stretch
from exfilter.index.statistics import Statistics
from exfilter.kernel.layer import Layer
from exfilter.kernel.tables import Tables, fewest_digits
from exfilter.model import Kind, Ordinals, Uint64Array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from exfilter.index.checked import Identity
    from exfilter.index.origins import Codes

__all__ = ["ARRAYS", "LAYER", "Index", "IndexRefused", "Previous", "Statistics", "current", "previous"]

CURRENT = "CURRENT"
"""File that names the version in use: the only thing that changes when a new one is published."""

Arrays = dict[str, NDArray[Any]]
"""Array files by name."""

_VERSION = re.compile(r"[0-9a-f]{16}(\.\d+)?")


class Version(NamedTuple):
    """One version of the index on disk. Equal as long as it is the one in use."""

    directory: Path
    mac: str
    """Of the manifest, hexadecimal."""
    about: Manifest

    @property
    def id(self) -> str:
        """Id of the index."""
        return manifest.identity(self.mac)


@dataclass(frozen=True, eq=False)
class Index:
    """An opened index. Stays as it is when a new one is published in its place."""

    id: str
    """16 hexadecimal digits; another table, key or exfilter gives another one."""
    tables: Tables = field(repr=False)
    statistics: Statistics = field(repr=False)
    customers: int
    """Who is in it now."""
    ordinals: int
    """Customers in all: ordinals go from 0 to this. Some may be gone."""
    live: NDArray[np.bool_] = field(repr=False)
    """By ordinal: whether the customer is in it now."""
    keys: dict[str, int]
    """Distinct keys by kind. After an update also those that were removed by it."""
    updated: dict[str, int]
    """Customers added, changed and removed by updates since the build. Empty: there was none."""
    country: Codes = field(repr=False)
    """By ordinal: the country, as ``origins`` has it, also of customers who are gone."""
    planted: Planted = field(repr=False)
    """Who is a canary."""
    _ids: SealedIds = field(repr=False)

    @classmethod
    def open(cls, path: Path, key: IndexKey, *, whole: bool = True, anew: bool = False) -> Index:
        """Open the index in a directory.

        ``whole``: every byte is as it was built. Files that were found so before are known by their
        stamp (``checked``), which takes milliseconds; else they are read, half a second a gigabyte.
        ``anew``: read them all in any case. Without ``whole`` only sizes are looked at: for a process
        whose parent has just checked.

        Raises IndexRefused where it was built with another key or canonicaliser, where its format
        is another one, and where it is truncated or altered.
        """
        return _in_use(path, lambda used: cls._open(_version(used, key), key, whole=whole, anew=anew))

    @classmethod
    def _open(cls, of: Version, key: IndexKey, *, whole: bool, anew: bool) -> Index:
        about = of.about
        if about.canonicaliser != CANONICALISER:
            msg = (
                f"{of.directory.parent}: the index was built with canonicaliser version "
                f"{about.canonicaliser}, this exfilter has {CANONICALISER}: {REBUILD}"
            )
            raise IndexRefused(msg)
        mapped = check(of, key, anew=anew) if whole else load(of, arrays.names(about))
        try:
            shapes, templates = manifest.unseal(about, key)
            canaries = unseal(about.canaries, key)
        except AlteredError as error:
            raise IndexRefused(str(error)) from None
        prefixes = ("", UPDATE) if about.updated else ("",)
        tables = Tables(
            kind_keys=tuple(key.subkey(TAGS[kind]) for kind in Kind),
            token_key=key.subkey(NAME_TOKEN),
            layers=tuple(Layer(**{name: mapped[f"{prefix}{name}"] for name in LAYER}) for prefix in prefixes),
            roles=mapped["roles"],
            shapes=shapes,
            templates=templates,
            fewest=fewest_digits(shapes, mapped["density"]),
        )
        return cls(
            id=of.id,
            tables=tables,
            statistics=Statistics(customers=about.customers, density=mapped["density"], **about.statistics),
            customers=about.customers,
            ordinals=about.ordinals,
            live=mapped["customer_live"],
            keys=about.keys,
            updated=about.updated,
            country=_countries(mapped, about.ordinals),
            planted=canaries,
            _ids=_ids(of, mapped, key),
        )

    def customer_ids(self, ordinals: Ordinals | Iterable[int]) -> list[str]:
        """Return the id of each ordinal, also of customers who are gone. Raises IndexError."""
        wanted = ordinals if isinstance(ordinals, np.ndarray) else list(ordinals)
        return self._ids.ids(np.asarray(wanted, dtype=np.int64))

    def countries(self, ordinals: Ordinals | Iterable[int]) -> list[str]:
        """Return the country of each ordinal: two letters, empty for one not known. Raises IndexError."""
        wanted = ordinals if isinstance(ordinals, np.ndarray) else list(ordinals)
        chosen = np.asarray(wanted, dtype=np.int64)
        if len(chosen) and int(chosen.min()) < 0:
            msg = "an ordinal is not negative"
            raise IndexError(msg)
        numbers, place = np.unique(self.country[chosen], return_inverse=True)
        names = [origins.letters(number) for number in numbers.tolist()]
        return [names[at] for at in place.tolist()]

    def all_ids(self, first: int = 0) -> Iterator[str]:
        """Yield the id of every ordinal from ``first`` on, a block at a time. Raises AlteredError."""
        return self._ids.since(first)


@dataclass(frozen=True, slots=True)
class Previous:
    """What a new build takes over from the index before it."""

    tags: Uint64Array
    """Of the customer, by ordinal."""
    live: NDArray[np.bool_]
    ids: SealedIds | tuple[str, ...]
    country: Codes
    """By ordinal."""
    planted: Planted


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


def version(path: Path, key: IndexKey) -> Version:
    """Return the version in use. Raises IndexRefused."""
    return _in_use(path, lambda used: _version(used, key))


def _in_use[T](path: Path, act: Callable[[Path], T]) -> T:
    """Return what ``act`` makes of the directory in use. Raises IndexRefused."""
    while True:
        name = current(path)
        try:
            return act(path / name)
        except IndexRefused:
            if current(path) == name:
                raise
            # Others were published since its name was read, and it was removed.


def _version(directory: Path, key: IndexKey) -> Version:
    about, mac = manifest.read(directory, key)
    return Version(directory, mac, about)


def load(of: Version, names: Iterable[str], known: Mapping[str, Identity] | None = None) -> Arrays:
    """Map the arrays of these names. ``known``: as for ``arrays.load``. Raises IndexRefused."""
    mapped = arrays.load(of.directory, of.about, names, known)
    return {name: each.array for name, each in mapped.items()}


def check(of: Version, key: IndexKey, *, anew: bool = False) -> Arrays:
    """Map all arrays: each is as it was built. What was read for that is stamped, where it can be.

    ``anew``: no earlier stamp counts. Raises IndexRefused.
    """
    known = {} if anew else checked.read(of.directory, of.mac, key)
    mapped = arrays.load(of.directory, of.about, arrays.names(of.about), known)
    found = {name: each.checked for name, each in mapped.items() if each.checked}
    if found and found != known:
        checked.write(of.directory, found, of.mac, key)
    return {name: each.array for name, each in mapped.items()}


def previous(path: Path, key: IndexKey) -> Previous | None:
    """Return what the next build takes over; None where there is no index.

    An index of an older canonicaliser will do: customers keep their ordinals over an upgrade.
    Raises IndexRefused.
    """
    if not (path / CURRENT).exists():
        return None
    of = version(path, key)
    names = [name for name in arrays.names(of.about) if "customer_" in name]
    mapped = load(of, names, checked.read(of.directory, of.mac, key))
    countries = _countries(mapped, of.about.ordinals)
    canaries = unseal(of.about.canaries, key)
    return Previous(
        customer_tags(mapped), mapped["customer_live"], _ids(of, mapped, key), countries, canaries
    )


def _countries(mapped: Arrays, ordinals: int) -> Codes:
    """Return the country of every ordinal: not known, where the index is of a format without."""
    found = mapped.get(COUNTRIES)
    return np.zeros(ordinals, dtype=np.uint16) if found is None else found


def customer_tags(mapped: Arrays) -> Uint64Array:
    """Return the tag of every customer, by ordinal. A copy where there was an update."""
    since = mapped.get(f"{UPDATE}customer_tags")
    base: Uint64Array = mapped["customer_tags"]
    return base if since is None else np.concatenate((base, since))


def _ids(of: Version, mapped: Arrays, key: IndexKey) -> SealedIds:
    """Return the ids: those of the build, then those that came with updates."""
    return SealedIds(
        key,
        *(
            Stretch(
                mapped[f"{prefix}customer_ids"],
                mapped[f"{prefix}customer_ids_start"],
                of.about.arrays[f"{prefix}customer_tags"].shape[0],
                prefix,
            )
            for prefix in (("", UPDATE) if of.about.updated else ("",))
        ),
    )


def scalars(statistics: Statistics) -> dict[str, int]:
    """Return the statistics that stand in the manifest."""
    names = (item.name for item in fields(statistics))
    return {name: getattr(statistics, name) for name in names if name not in ("customers", "density")}
