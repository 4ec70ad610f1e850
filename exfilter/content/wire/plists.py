"""Binary property lists, by the standard library. Those in XML are read as markup."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from exfilter.content.content import Content
from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Found, Member, Wishes
from exfilter.content.wire.levels import Levels
from exfilter.content.wire.rows import AFTER_KEY, AFTER_VALUE, plain, shown

_MAGIC = b"bplist0"
_NAMELESS = 64
"""Bytes of an id or a hash, at most."""


def recognises(content: Content) -> bool:
    """Whether the magic is there."""
    return content.stream.head(len(_MAGIC)) == _MAGIC


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the values. A list that several places refer to, or itself, is followed once."""
    rows, levels, seen = Rows(), Levels(), set[int]()
    levels.begin(array=False)
    open_ = [_pairs([plistlib.load(file, fmt=plistlib.FMT_BINARY)])]
    while open_:
        key, value = next(open_[-1], ("", open_))
        if value is open_:
            open_.pop()
            rows.add("\n" if levels.end() else "", begins=False)
            yield from rows.pieces()
        elif isinstance(value, (dict, list)):
            if id(value) not in seen:
                seen.add(id(value))
                inner = next(iter(value), None) if isinstance(value, list) else None
                array = isinstance(value, list)
                record = levels.begin(array=array, holds=isinstance(inner, (dict, list)))
                rows.add(key, begins=record)
                open_.append(_pairs(value))
        elif isinstance(value, bytes) and not plain(value):
            if len(value) > _NAMELESS:
                yield Member("data", [value])
        else:
            rows.add(f"{key}{_text(value)}{AFTER_VALUE}", begins=False)
    yield from rows.pieces(last=True)


def _pairs(values: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(values, list):
        return (("", value) for value in values)
    return ((f"{key}{AFTER_KEY}", value) for key, value in values.items())


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return plain(value)
    return shown(value) if isinstance(value, float) else str(value)
