"""The stamp of a full check: with it, an index opens in milliseconds, and an altered one is refused.

Whoever has read all bytes of an array file and found them as built notes the identity of the file:
device, inode, size, and the times of its last change. No program can set the time at which a file
was last changed (ctime), and pages that were written through a mapping are flushed before a file is
read, so that every ordinary change shows. The stamp carries a MAC under a
sub-key of the index key and over that of the manifest, so that nobody without the key can write one.

What leaves no trace in a file's times is not noticed by it: bytes written to the disk past the file
system, and bits that rot. ``exfilter index verify`` reads everything.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exfilter.index.keys import CHECKED, IndexKey

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "checked"
SETTLED = 2_000_000_000
"""Nanoseconds after its last change from which on a file cannot change without a trace in its times:
more than a tick of any file system's clock."""

Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of the last change of content and of inode, in nanoseconds."""


class _Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    files: dict[str, Identity]
    mac: str


def identity(status: os.stat_result) -> Identity:
    """Return what changes when the file does."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def settled(of: Identity, now: int) -> bool:
    """Whether any change from ``now`` on (``time.time_ns``) gives the file another identity.

    Not on file systems without a disk of their own, such as tmpfs: there a store through a mapping that
    was made before leaves no trace.
    """
    return os.major(of[0]) != 0 and now - max(of[3:]) >= SETTLED


def read(directory: Path, mac: str, key: IndexKey) -> dict[str, Identity]:
    """Return the identities of the files that were found whole, by name. None, where there is no stamp.

    ``mac``: of the manifest. A stamp that is not this index's counts as none.
    """
    try:
        stamp = msgspec.json.decode((directory / FILE).read_bytes(), type=_Stamp)
    except (OSError, ValueError, msgspec.MsgspecError):
        return {}
    good = hmac.compare_digest(stamp.mac.encode(), _mac(stamp.files, mac, key).encode())
    return stamp.files if good else {}


def write(directory: Path, files: Mapping[str, Identity], mac: str, key: IndexKey) -> None:
    """Stamp these files. Where the directory cannot be written there is none: each check reads all."""
    content = msgspec.json.encode(_Stamp(dict(files), _mac(files, mac, key)))
    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(prefix=f".{FILE}-", dir=directory)
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(content)
            Path(name).rename(directory / FILE)
        except OSError:
            Path(name).unlink(missing_ok=True)


def remove(directory: Path) -> None:
    """Take the stamp back, if there is one and the directory can be written."""
    with contextlib.suppress(OSError):
        (directory / FILE).unlink(missing_ok=True)


def _mac(files: Mapping[str, Identity], mac: str, key: IndexKey) -> str:
    canonical = json.dumps([mac, files], sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key.subkey(CHECKED, 32), canonical, "sha256").hex()
