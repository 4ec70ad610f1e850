"""A node's copies of indexes: they come in pieces, are seen whole before they are used, and go when unused.

A node is who shares this folder, whatever its name is: containers of one machine are several, machines that
share a home are one. Its processes share the pages of an index too, as they map the same files.

Every step is taken under one lock and can be taken twice: a worker that dies in the middle leaves what
the next one goes on with, and two drivers that deliver the same index help each other.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exfilter import private
from exfilter.index.store import CURRENT

VARIABLE = "XDG_CACHE_HOME"
COMING = ".coming-"
GONE = ".gone-"
NODE = ".node"
LOCK = ".lock"
USED = "in-use"
"""File in a copy: who has the copy open holds a lock on it; its time is that of the last opening."""
KEPT = 600.0
"""Seconds that a copy, or a part of one, is left where nobody has it open: another driver may have just
brought it."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ID = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"[a-z_]+\.(npy|json)")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of an index, as it must arrive."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a copy of an index consists of. It holds no secret."""

    index_id: str
    files: Mapping[str, Listed]
    """By name, in the order in which they come."""

    @property
    def bytes(self) -> int:
        """Return the bytes of all of it."""
        return sum(file.size for file in self.files.values())


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of one file."""

    name: str
    start: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cache:
    """The copies of one node, in a folder that is its user's alone."""

    root: Path

    def node(self) -> str:
        """Return what tells this node from others: random, made once. Raises OSError."""
        with self._locked():
            return private.own_key(self.root / NODE, "a node's token").hex()

    def place(self, index_id: str) -> Path:
        """Return where the copy lies, if there is one. Raises ValueError for what is no id."""
        if not _ID.fullmatch(index_id):
            msg = "this is no index id"
            raise ValueError(msg)
        return self.root / index_id

    def holds(self, index_id: str) -> bool:
        """Whether there is a copy."""
        return (self.place(index_id) / CURRENT).exists()

    def received(self, listing: Listing) -> int:
        """Return how many bytes of a copy are here, without a gap."""
        if self.holds(listing.index_id):
            return listing.bytes
        total = 0
        for name, file in listing.files.items():
            here = _size(self._coming(listing.index_id) / listing.index_id / name)
            total += min(here, file.size)
            if here < file.size:
                break
        return total

    def take(self, listing: Listing, piece: Piece) -> int:
        """Keep a piece. Return how many bytes are here now: fewer than before it, where those are missing.

        Raises OSError where it cannot be kept; where the disk is full, the part of a copy is removed.
        """
        with self._locked():
            if not self.holds(listing.index_id) and piece.name in listing.files:
                self._make(listing.index_id)
                try:
                    _append(self._coming(listing.index_id) / listing.index_id / _checked(piece.name), piece)
                except OSError as error:
                    if error.errno in FULL:
                        self._remove(self._coming(listing.index_id))
                    raise
            return self.received(listing)

    def finish(self, listing: Listing) -> bool:
        """Put the copy in its place if it arrived as it was sent; else remove it. Raises OSError."""
        with self._locked():
            if self.holds(listing.index_id):
                return True
            coming = self._coming(listing.index_id)
            if not all(
                _whole(coming / listing.index_id / name, file) for name, file in listing.files.items()
            ):
                self._remove(coming)
                return False
            for name, text in ((USED, ""), (CURRENT, f"{listing.index_id}\n")):
                (coming / name).unlink(missing_ok=True)
                private.write(coming / name, text.encode())
            private.sync_folder(coming / listing.index_id)
            self._remove(self.place(listing.index_id))  # What is there has no CURRENT: it is no copy.
            coming.rename(self.place(listing.index_id))
            private.sync_folder(self.root)
            return True

    def use(self, index_id: str) -> int | None:
        """Return a descriptor: until it is closed, nobody removes the copy. None: there is no copy."""
        with self._locked():
            if not self.holds(index_id):
                return None
            used = os.open(self.place(index_id) / USED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(used, fcntl.LOCK_SH)
            os.utime(used)
            return used

    def discard(self, index_id: str) -> None:
        """Remove a copy that turned out to be damaged. Who has mapped it keeps it."""
        with self._locked():
            self._remove(self.place(index_id))

    def sweep(self, keep: str) -> None:
        """Remove what is not of this index, nor open, nor new."""
        with self._locked():
            for folder in list(self.root.iterdir()):
                name = folder.name
                stale = name.startswith(COMING) and name != f"{COMING}{keep}" and _age(folder) > KEPT
                old = bool(_ID.fullmatch(name)) and name != keep and _unused(folder)
                if stale or old or name.startswith(GONE):
                    self._remove(folder)

    def room(self, listing: Listing) -> int:
        """Return how many bytes are missing on the disk for the rest of a copy. 0: none."""
        free = shutil.disk_usage(self.root).free
        return max(0, listing.bytes - self.received(listing) - free)

    def _coming(self, index_id: str) -> Path:
        place = self.place(index_id)
        return place.with_name(f"{COMING}{place.name}")

    def _make(self, index_id: str) -> None:
        for folder in (self._coming(index_id), self._coming(index_id) / index_id):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _remove(self, folder: Path) -> None:
        """Remove a folder: its name at once, so that nobody finds a part of it."""
        if folder.exists():
            gone = folder.with_name(f"{GONE}{secrets.token_hex(8)}")
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def open_cache() -> Cache:
    """Return the cache of this node, made where there is none. Raises OSError."""
    given = os.environ.get(VARIABLE, "")
    # XDG Base Directory Specification: a relative path counts as none.
    base = Path(given) if Path(given).is_absolute() else _home() / ".cache"
    base.mkdir(parents=True, exist_ok=True)
    root = base / "exfilter" / "indexes"
    for folder in (root.parent, root):
        folder.mkdir(mode=0o700, exist_ok=True)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & private.OTHERS:
        msg = f"{root} is open to others: run `chmod 700 {root}` as its owner, or remove it"
        raise PermissionError(msg)
    return Cache(root)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        msg = f"there is no home folder: set {VARIABLE}"
        raise FileNotFoundError(msg) from None


def _checked(name: str) -> str:
    if not _FILE.fullmatch(name):
        msg = "this is no file of an index"
        raise ValueError(msg)
    return name


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _append(file: Path, piece: Piece) -> None:
    """Write what of a piece is not there yet, unless something is missing before it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "ab", buffering=0) as target:
        there = os.fstat(target.fileno()).st_size
        if there < piece.start:
            return
        rest = memoryview(piece.data)[there - piece.start :]
        while rest:
            rest = rest[target.write(rest) :]


def _whole(file: Path, expected: Listed) -> bool:
    """Whether a file is as it was sent; if so, it is safely on the disk."""
    try:
        with file.open("rb") as content:
            os.fsync(content.fileno())
            same = os.fstat(content.fileno()).st_size == expected.size
            return same and hashlib.file_digest(content, "sha256").hexdigest() == expected.sha256
    except FileNotFoundError:
        return False


def _age(folder: Path) -> float:
    """Return the seconds since something in a folder was written."""
    times = [each.stat().st_mtime for each in (folder, *folder.rglob("*"))]
    return time.time() - max(times)


def _unused(folder: Path) -> bool:
    """Whether nobody has a copy open, nor had it of late."""
    try:
        descriptor = os.open(folder / USED, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if time.time() - os.fstat(descriptor).st_mtime < KEPT:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
