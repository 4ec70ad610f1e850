"""Local folders: shares that are mounted, and disks."""

from __future__ import annotations

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
OUTSIDE = "symbolic link that leaves the folder"


def listed(path: str) -> Iterator[Item]:
    """Yield every file below a path, in order: a folder's entries by name, folders where they stand."""
    if Path(path).is_dir():
        yield from _walk(path, path)
        return
    try:
        yield _item("", path, Path(path).stat())
    except OSError as error:
        yield Item("", path, problem=why(error))


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
    # A pipe must not block us, and a file that became a link since it was found is not followed.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if item.root else 0)
    try:
        descriptor = os.open(item.url, flags)
    except OSError as error:
        raise Unreadable(why(error), Reason.MALFORMED) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(SPECIAL, Reason.UNSUPPORTED)
        if _version(found) != item.version:
            raise Unreadable(CHANGED, Reason.MALFORMED)
        yield Filed(descriptor, found.st_size)
    finally:
        os.close(descriptor)
