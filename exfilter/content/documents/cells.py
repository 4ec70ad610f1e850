"""Values of databases and column files as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content import sniff

FILE = 64
"""Bytes from which on a value may be a file."""
_CONTROLS = bytes(range(0x20)) + b"\x7f"
_BLANKS = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def shown(value: object) -> str:
    """Return a value as a cell shows it: whole numbers whole, nothing for what is read as a file."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return "" if is_file(value) else decoded(value.translate(_BLANKS))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_file(value: bytes) -> bool:
    """Whether bytes are read by themselves and not in the midst of their row."""
    if sniff.signature(value) or value.startswith((sniff.GZIP, sniff.ZSTD)):
        return True
    return len(value) >= FILE and (
        len(value) > sniff.SPAN or bool(_CONTROL.search(value)) or not _unicode(value)
    )


def decoded(value: bytes) -> str:
    """Return the text of bytes in UTF-8, or in the charset that is most likely where they are not."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def leaves(value: object) -> Iterator[object]:
    """Yield the plain values in a nested one, in their order, and the names of entries in maps."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [each for pair in reversed(list(one.items())) for each in reversed(pair)]
        elif isinstance(one, (list, tuple)):
            waiting += reversed(one)
        else:
            yield one


def _unicode(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
