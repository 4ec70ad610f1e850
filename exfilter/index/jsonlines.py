"""Customer tables as JSON lines: an object a line; what is nested gets dotted names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from exfilter.index.table import TOLD_EVERY, Broken, Cell, Progress, Row, opened, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from exfilter.index.charset import Charset

MAX_COLUMNS = 10_000
"""Distinct names: with more of them the objects are no rows of one table."""


class JsonTable:
    """One object a line."""

    format = "JSON lines"

    def __init__(self, path: Path, charset: Charset) -> None:
        """Read the names of all columns, and so all of the file."""
        self._path, self._codec = path, charset.codec
        self.charset, self.doubt = charset.shown, charset.doubt
        names: dict[str, None] = {}
        for _, found in self._objects(lambda _: None):
            names.update({} if isinstance(found, str) else dict.fromkeys(found))
            if len(names) > MAX_COLUMNS:
                msg = f"{path}: the objects have more than {MAX_COLUMNS} names: this is no table of customers"
                raise ValueError(msg)
        if not names:
            msg = f"{path} holds no JSON objects, one a line: convert an array with `jq -c '.[]'`"
            raise ValueError(msg)
        self.columns = tuple(names)

    def rows(self, wanted: Sequence[int], progress: Progress) -> Iterator[Row | Broken]:
        """Yield the objects."""
        names = [self.columns[number] for number in wanted]
        for line, found in self._objects(progress):
            if isinstance(found, str):
                yield Broken(line, found)
            elif any(found.values()):
                yield Row(line, tuple(_cell(found.get(name, [])) for name in names))

    def _objects(self, progress: Progress) -> Iterator[tuple[int, dict[str, list[str]] | str]]:
        decoder = msgspec.json.Decoder(dict)
        with opened(self._path) as file:
            for number, line in enumerate(text(file.content, self._codec), 1):
                if number % TOLD_EVERY == 0:
                    progress(file.progress())
                bare = line.strip(" \t\r\n\0\ufeff")
                if bare:
                    yield number, _decode(decoder, bare)


def _decode(decoder: msgspec.json.Decoder[dict[str, object]], line: str) -> dict[str, list[str]] | str:
    try:
        found: dict[str, list[str]] = {}
        flatten("", decoder.decode(line.encode()), found)
    except UnicodeEncodeError:
        return "invalid characters for the charset"
    except (msgspec.DecodeError, RecursionError):
        return "invalid JSON object"
    return found


def flatten(name: str, value: object, into: dict[str, list[str]]) -> None:
    """Collect the values under dotted names: ``{"a": {"b": [1, 2]}}`` gives ``a.b``: 1, 2."""
    if isinstance(value, dict):
        for key, inner in value.items():
            flatten(f"{name}.{key}" if name else str(key), inner, into)
    elif isinstance(value, list | tuple):
        for inner in value:
            flatten(name, inner, into)
    else:
        values = into.setdefault(name, [])
        shown = scalar(value)
        if shown:
            values.append(shown)


def scalar(value: object) -> str:
    """Return a value as it would stand in a CSV file; what is neither text nor number is empty."""
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value)


def _cell(values: list[str]) -> Cell:
    return values[0] if len(values) == 1 else tuple(values) if values else ""
