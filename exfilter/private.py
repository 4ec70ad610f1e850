"""Files that only their owner may read: keys, passwords, and what names customers."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write(file: Path, data: bytes) -> None:
    """Write a new file that only its owner can read, and see it safely on the disk."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(descriptor)
    sync_folder(file.parent)


def read(file: Path) -> bytes:
    """Read such a file. Raises PermissionError where others than its owner can read or change it."""
    with file.open("rb") as source:
        if os.fstat(source.fileno()).st_mode & OTHERS:
            msg = f"{file} can be read by others; run 'chmod 600 {file}' and consider whether it leaked"
            raise PermissionError(msg)
        return source.read()


def check_folder(folder: Path) -> None:
    """Raise PermissionError where others than its owner, who we are, can change what lies in a folder."""
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        msg = (
            f"{folder} can be changed by others; run 'chmod go-w {folder}' as its owner, or name a new folder"
        )
        raise PermissionError(msg)


def sync_folder(folder: Path) -> None:
    """See a folder's names safely on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def own_key(file: Path, what: str) -> bytes:
    """Read a key of 32 bytes, or make it. Several processes may ask for it at once."""
    if not file.exists():
        fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        write(fresh, secrets.token_bytes(KEY_BYTES))
        try:
            # A link appears whole or not at all, and the first one wins.
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        sync_folder(file.parent)
    key = read(file)
    if len(key) != KEY_BYTES:
        msg = f"{file}: is not {what}; restore the file from its backup"
        raise ValueError(msg)
    return key
