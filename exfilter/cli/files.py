"""Files and folders to scan: which there are, and their bytes."""

from __future__ import annotations

import mmap
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exfilter.limits import MIB, Limits
from exfilter.model import Buffer, Reason
from exfilter.stores import Unreadable, local

STANDARD_INPUT = "-"
MAPPED = 16 * MIB
"""Files from this size on are mapped instead of read."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to scan."""

    path: str
    """As it was named, or as it was found below the folder that was named."""
    named: bool = False
    """Whether the user named it: then a symbolic link is followed."""
    data: bytes | None = None
    """Its bytes, where they are not in a file."""
    length: int = -1
    """How many bytes it had when it was found. -1: unknown."""
    problem: str = ""
    """Why it cannot be read at all. Empty: it may."""
    reason: Reason = Reason.UNSUPPORTED
    """The same, as a verdict names it."""


def sources(paths: Iterable[str], limits: Limits) -> Iterator[Source]:
    """Yield every file below the paths, in order: a folder's entries by name, folders where they stand."""
    for path in paths:
        if path == STANDARD_INPUT:
            # One byte beyond the budget is enough to report what was left out.
            yield Source(path, data=sys.stdin.buffer.read(limits.bytes_in + 1))
        elif Path(path).is_dir():
            yield from _walk(path)
        else:
            yield Source(path, named=True)


def _walk(root: str) -> Iterator[Source]:
    for item in local.listed(root):
        yield Source(
            item.url, length=-1 if item.problem else item.size, problem=item.problem, reason=item.reason
        )


def read(source: Source) -> Buffer:
    """Return a file's bytes, mapped where it is large. Raises Unreadable."""
    if source.data is not None:
        return source.data
    if source.problem:
        raise Unreadable(source.problem, source.reason)
    # A pipe must not block us, and a file that became a link since it was found is not followed.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if source.named else os.O_NOFOLLOW)
    try:
        descriptor = os.open(source.path, flags)
    except OSError as error:
        raise Unreadable(local.why(error), Reason.MALFORMED) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(local.SPECIAL, Reason.UNSUPPORTED)
        try:
            if found.st_size < MAPPED:
                return file.read()
            return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise Unreadable(local.why(error), Reason.MALFORMED) from error


def weight(source: Source) -> int:
    """Return how much work a file is: its bytes, a great deal where they are not known."""
    return source.length if source.length >= 0 else MAPPED


def size(source: Source) -> int:
    """Return how many bytes a file has, as far as that can be known."""
    try:
        return len(source.data) if source.data is not None else Path(source.path).lstat().st_size
    except OSError:
        return 0
