"""Putting a new index in place of the old one, so that at every moment there is a whole one.

Each build has its own directory, named after its id. ``CURRENT`` names the one in use and is
replaced in one step (rename(2)). The version before stays until the next build: whoever has just
read its name can still open it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from exfilter.index import manifest
from exfilter.index.keys import OTHERS
from exfilter.index.manifest import ArrayFile, Manifest
from exfilter.index.store import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from exfilter.index.keys import IndexKey

LOCK = ".lock"
UNFINISHED = ".building-"


@contextmanager
def building(path: Path) -> Iterator[Path]:
    """Give a new empty directory within ``path`` to build in; it is gone afterwards.

    Raises ValueError while another build is under way, PermissionError for a folder that is open
    to others: who can list it sees when which index was built, who can write replaces it.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & OTHERS:
        msg = f"{path} is open to others (mode {mode:04o}): run `chmod 700 {path}`"
        raise PermissionError(msg)
    descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"another build is under way in {path}: wait for its end"
            raise ValueError(msg) from None
        for left in path.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left)
        work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(descriptor)


def save(work: Path, arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, ArrayFile]:
    """Write the arrays, and return what the manifest says of them."""
    for name, array in arrays.items():
        with _new(work / f"{name}.npy") as target:
            np.save(target, array, allow_pickle=False)
    return describe(work, arrays)


def describe(work: Path, names: Iterable[str]) -> dict[str, ArrayFile]:
    """Return what the manifest says of arrays that are written."""
    files = {}
    for name in names:
        file = work / f"{name}.npy"
        array = np.lib.format.open_memmap(file, mode="r")
        files[name] = ArrayFile(manifest.digest(file), file.stat().st_size, array.dtype.str, array.shape)
    return files


def publish(path: Path, work: Path, about: Manifest, key: IndexKey) -> str:
    """Make the finished build the index in use, and return its id."""
    content, identity = manifest.encode(about, key)
    _write(work / manifest.FILE, content)
    _sync(work)
    before = (path / CURRENT).read_text("ascii", "replace").strip() if (path / CURRENT).exists() else ""
    names = (identity if again == 0 else f"{identity}.{again}" for again in itertools.count())
    name = next(name for name in names if not (path / name).exists())
    work.rename(path / name)
    new = path / f".{CURRENT}.new"
    new.unlink(missing_ok=True)
    _write(new, f"{name}\n".encode())
    _sync(path)
    new.rename(path / CURRENT)
    _sync(path)
    _remove_old(path, {name, before})
    return identity


def _remove_old(path: Path, kept: set[str]) -> None:
    """Remove the versions that nobody opens any more. Who has mapped one keeps it."""
    for directory in path.iterdir():
        if directory.is_dir() and directory.name not in kept and (directory / manifest.FILE).exists():
            shutil.rmtree(directory)


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """Write a new file that only its owner reads; at the end it is on the disk."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        yield target
        target.flush()
        os.fsync(target.fileno())


def _write(file: Path, content: bytes) -> None:
    with _new(file) as target:
        target.write(content)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
