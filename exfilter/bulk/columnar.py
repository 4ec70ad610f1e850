"""Results as Parquet: the same rows as the JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TOGETHER = 10_000
"""Rows of one group,"""
HEAVY = 200_000
"""or rows, customers and unread parts together."""

_UNSCANNED = pa.struct([("part", pa.string()), ("reason", pa.string()), ("bytes", pa.int64())])
_TEXTS = ("path", "folder", "owner", "type", "version", "rule", "duplicate_of")
_NUMBERS = ("customers", "identified", "estimated", "bytes")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.int64()) for name in _NUMBERS),
        ("held", pa.bool_()),
        ("seconds", pa.float64()),
        ("customer_ids", pa.list_(pa.string())),
        ("fields", pa.map_(pa.string(), pa.int64())),
        ("unscanned", pa.list_(_UNSCANNED)),
    ]
)


class Columnar:
    """A Parquet file, its owner's alone."""

    suffix = "parquet"

    def __init__(self, path: Path) -> None:
        """Make it; it must not exist."""
        path.touch(mode=0o600, exist_ok=False)
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._weight = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Take the next row. Names that are no Unicode are escaped."""
        self._rows.append(
            _readable({name: row[name] for name in SCHEMA.names} | {"fields": list(row["fields"].items())})
        )
        self._weight += 1 + len(row["customer_ids"]) + len(row["unscanned"])
        if len(self._rows) >= TOGETHER or self._weight >= HEAVY:
            self.flush()

    def close(self) -> None:
        """Finish the file."""
        self.flush()
        self._writer.close()

    def flush(self) -> None:
        """Write what is still in memory, as a group."""
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
            self._rows, self._weight = [], 0


def _readable(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _readable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    return value
