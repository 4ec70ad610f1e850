"""Putting a new index in place of the old one, so that at every moment there is a whole one.

Each build has its own directory, named after its id. ``CURRENT`` names the one in use and is
replaced in one step (rename(2)). The version before stays until the next one is published: whoever
has just read its name can still open it.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from exfilter.index import manifest, store
from exfilter.index.checked import SETTLED
from exfilter.index.keys import OTHERS
from exfilter.index.manifest import ArrayFile, Manifest
from exfilter.index.store import CURRENT, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from exfilter.index.keys import IndexKey

LOCK = ".lock"
UNFINISHED = ".building-"
LARGE = 1 << 24
"""Bytes of a file whose reading a stamp should spare."""
COPIED = 1 << 24
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors that say that a file system, or this place in it, has no hard links."""


@contextmanager
def building(path: Path) -> Iterator[Path]:
    """Give a new empty directory within ``path`` to build in; it is gone afterwards.

    All versions but the one in use are removed before.

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
            msg = f"another build or update is under way in {path}: wait for its end"
            raise ValueError(msg) from None
        _remove_old(path)
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


def link(source: Path, work: Path, names: Iterable[str]) -> None:
    """Take arrays over from another version, unchanged: as links, or as copies where there are none.

    No version changes its files, so that the removal of one leaves the other whole.
    """
    for name in names:
        file = f"{name}.npy"
        try:
            (work / file).hardlink_to(source / file)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            with (source / file).open("rb") as content, _new(work / file) as target:
                shutil.copyfileobj(content, target, COPIED)


def publish(path: Path, work: Path, about: Manifest, key: IndexKey) -> str:
    """Make the finished build the index in use, and return its id.

    It is read back and stamped before: who opens it waits for nothing. Raises IndexRefused.
    """
    content, mac = manifest.encode(about, key)
    _write(work / manifest.FILE, content)
    _settle(work)
    store.check(Version(work, mac, about), key)
    _sync(work)
    identity = manifest.identity(mac)
    names = (identity if again == 0 else f"{identity}.{again}" for again in itertools.count())
    name = next(name for name in names if not (path / name).exists())
    work.rename(path / name)
    new = path / f".{CURRENT}.new"
    new.unlink(missing_ok=True)
    _write(new, f"{name}\n".encode())
    _sync(path)
    new.rename(path / CURRENT)
    _sync(path)
    return identity


def _settle(work: Path) -> None:
    """Wait until files that take time to read have times that tell every later change."""
    large = [found for found in (file.stat() for file in work.glob("*.npy")) if found.st_size >= LARGE]
    changed = max((max(found.st_mtime_ns, found.st_ctime_ns) for found in large), default=0)
    time.sleep(min(SETTLED, max(0, changed + SETTLED - time.time_ns())) / 1e9)


def _remove_old(path: Path) -> None:
    """Remove what was left unfinished, and the versions before the one in use. Who has mapped one keeps it.

    At the beginning of a build and not at its end: to remove a link to a file of the version in use
    changes a time of it, and with that its stamp.
    """
    used = (
        path / (path / CURRENT).read_text("ascii", "replace").strip() if (path / CURRENT).exists() else path
    )
    for directory in list(path.iterdir()):
        old = (directory / manifest.FILE).exists() and used != path and (used / manifest.FILE).exists()
        if directory.name.startswith(UNFINISHED):
            shutil.rmtree(directory)
        elif old and directory != used:
            gone = path / f"{UNFINISHED}{directory.name}"
            directory.rename(gone)
            # A door that is just opening it may put a stamp into it: then the next build removes it.
            shutil.rmtree(gone, ignore_errors=True)


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
