"""Files and folders that take the place of earlier ones when they are whole. They are their owner's alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Yield a text file that becomes ``path`` at the end. After an error ``path`` is as it was."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as out:
            yield out
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` at the end, with nothing left of what was there."""
    new, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    for each in (new, old):
        shutil.rmtree(each, ignore_errors=True)
    new.mkdir(mode=0o700)
    try:
        yield new
        if path.exists():
            path.rename(old)
        new.rename(path)
    finally:
        for each in (new, old):
            shutil.rmtree(each, ignore_errors=True)
