"""Local folders: shares that are mounted, and disks."""

from __future__ import annotations

import errno
import functools
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exfilter.body import Filed
from exfilter.model import Buffer, Reason
from exfilter.stores.item import CHANGED, Item, Unreadable

SPECIAL = "not a regular file"
LASTING = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
"""What another try would not change. A share that is gone for a moment is none of it."""
LONGER = "longer than its size says"
"""What some mounts make of documents whose size nobody has asked for yet: 0 bytes."""
OUTSIDE = "symbolic link that leaves the folder"


def listed(path: str) -> Iterator[Item]:
    """Yield every file below a path, in order: a folder's entries by name, folders where they stand."""
    try:
        found = Path(path).stat()
    except OSError as error:
        yield Item("", path, problem=why(error))
        return
    if stat.S_ISDIR(found.st_mode):
        yield from _walk(path, path)
    else:
        yield _item("", path, found)


def again(item: Item) -> Iterator[Item]:
    """Yield an item's file, or what is below it, as it is now; no link leads out of the listed folder."""
    return _walk(item.root, item.url) if item.root else listed(item.key)


def _walk(folder: str, start: str) -> Iterator[Item]:
    inside = os.path.realpath(folder)
    root = os.path.join(folder, "")  # noqa: PTH118 - pathlib drops "./"
    waiting = [start]
    while waiting:
        path = waiting.pop()
        key = path.removeprefix(root)
        try:
            found = Path(path).stat() if path == folder else Path(path).lstat()
            if stat.S_ISDIR(found.st_mode):
                with os.scandir(path) as entries:
                    waiting += sorted((entry.path for entry in entries), reverse=True)
            elif not stat.S_ISLNK(found.st_mode):
                yield _item(root, key, found)
            elif os.path.commonpath((inside, os.path.realpath(path))) != inside or not Path(path).exists():
                # Inside, its target is listed in its own place.
                yield Item(root, key, problem=OUTSIDE, reason=Reason.UNSUPPORTED)
        except OSError as error:
            where = ("", path) if path == folder else (root, key)
            yield Item(*where, problem=why(error))


def why(error: OSError) -> str:
    """Return what went wrong, without the path."""
    return (error.strerror or type(error).__name__).lower()


def _item(root: str, key: str, found: os.stat_result) -> Item:
    if not stat.S_ISREG(found.st_mode):  # Nobody opens it: to open a device may do something.
        return Item(root, key, owner=_owner(found.st_uid), problem=SPECIAL, reason=Reason.UNSUPPORTED)
    return Item(root, key, found.st_size, _version(found), _owner(found.st_uid))


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns}-{found.st_size}"


@functools.cache
def _owner(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@contextmanager
def opened(item: Item) -> Iterator[Buffer]:
    """Open it: a body that is read, not mapped. Raises Unreadable."""
    if item.problem:
        raise Unreadable(item.problem, item.reason)
    try:
        descriptor = _descriptor(item)
    except OSError as error:
        raise Unreadable(why(error), Reason.MALFORMED, passing=error.errno not in LASTING) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(SPECIAL, Reason.UNSUPPORTED)
        _check(found, item)
        if os.pread(descriptor, 1, found.st_size):
            raise Unreadable(LONGER, Reason.MALFORMED)
        yield Filed(descriptor, found.st_size)
        _check(os.fstat(descriptor), item)
    finally:
        os.close(descriptor)


def _check(found: os.stat_result, item: Item) -> None:
    if _version(found) != item.version:
        raise Unreadable(CHANGED, Reason.MALFORMED)


def _descriptor(item: Item) -> int:
    """Open a file, folder by folder: none below the listed one that became a link meanwhile is followed."""
    # A pipe must not block us.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if not item.root:
        return os.open(item.url, flags)
    *folders, name = item.key.split("/")
    at = os.open(item.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)
