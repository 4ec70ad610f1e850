"""What a finished run leaves: results as JSON lines and Parquet, by day of the scan, and a summary.

Files with the same content are named: each but the first has ``duplicate_of``, and counts no customers.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from exfilter.bulk.state import State, as_name
from exfilter.bulk.tables import items

RESULTS = "results"
SUMMARY = "summary.json"

_other = items.alias("other")
_first = sa.select(sa.func.min(_other.c.id)).where(_other.c.digest == items.c.digest).scalar_subquery()
_original = items.alias("original")


def results(state: State) -> Iterator[str]:
    """Yield the results as JSON, in the order of the listing."""
    wanted = sa.select(items.c.result).where(items.c.result.is_not(None)).order_by(items.c.id)
    yield from (row.result for row in state.rows(wanted))


def write(state: State, folder: Path) -> None:
    """Write results and summary into the folder, in place of those of a run that went on."""
    for day, rows in groupby(_rows(state), key=lambda row: str(row["day"])):
        _write(rows, folder / RESULTS, f"day={day}")
    with _replacing(folder / SUMMARY) as out:
        json.dump(summary(state), out, indent=2)


def _write(rows: Iterator[dict[str, Any]], into: Path, day: str) -> None:
    lines, columns = into / "jsonl" / day, into / "parquet" / day
    _make(lines)
    columnar = None
    if find_spec("pyarrow"):
        from exfilter.bulk.columnar import Columnar  # noqa: PLC0415 - an extra

        _make(columns)
        columnar = Columnar(columns / "part-0.parquet")
    with _replacing(lines / "part-0.jsonl") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
            if columnar:
                columnar.add(row)
    if columnar:
        columnar.close()


def _make(folder: Path) -> None:
    """Make a folder of results and those above it, each its owner's alone."""
    for each in (folder.parent.parent, folder.parent, folder):
        each.mkdir(mode=0o700, exist_ok=True)


class _Replacing:
    """A text file, its owner's alone, that takes the place of another when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f".{path.name}.new")
        self._new.unlink(missing_ok=True)
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="ascii")

    def __enter__(self) -> TextIO:
        return self._file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._file.close()
        if kind is None:
            self._new.replace(self._path)


def _replacing(path: Path) -> _Replacing:
    return _Replacing(path)


def _rows(state: State) -> Iterator[dict[str, Any]]:
    """Yield an object a file, by day: what ``scan`` says of it, whose it is, and what it is a copy of."""
    wanted = (
        sa.select(items, _original.c.root.label("first_root"), _original.c.key.label("first_key"))
        .select_from(
            items.outerjoin(_original, sa.and_(_original.c.id == _first, _original.c.id != items.c.id))
        )
        .where(items.c.result.is_not(None))
        .order_by(items.c.day, items.c.id)
    )
    for row in state.rows(wanted):
        copied = row.first_root is not None
        result = json.loads(row.result)
        yield {
            "path": result["path"],
            "folder": as_name(row.folder),
            "owner": as_name(row.owner),
            "type": as_name(row.type),
            "version": row.version,
            "day": row.day,
            "held": row.held,
            **{name: result[name] for name in ("rule", "customers", "identified", "estimated")},
            "customer_ids": result["customer_ids"],
            "fields": result["fields"],
            "unscanned": result["unscanned"],
            "bytes": result["bytes"],
            "seconds": result["seconds"],
            "duplicate_of": as_name(row.first_root + row.first_key) if copied else None,
        }


def summary(state: State) -> dict[str, Any]:
    """Return counts of the whole run, and by folder, owner and type; files not read whole by reason."""
    total = next((_counts(row) for row in state.rows(_counted(sa.literal(b"")))), {})
    return {
        "all": total,
        "folder": _by(state, items.c.folder),
        "owner": _by(state, items.c.owner),
        "type": _by(state, items.c.type),
        "unscanned": _unscanned(state),
    }


def _by(state: State, column: sa.ColumnElement[Any]) -> dict[str, dict[str, int]]:
    return {as_name(row[0]): _counts(row) for row in state.rows(_counted(column))}


def _unscanned(state: State) -> dict[str, int]:
    wanted: sa.Select[Any] = (
        sa.select(items.c.unread, sa.func.count()).where(items.c.unread != "").group_by(items.c.unread)
    )
    found: Counter[str] = Counter()
    for row in state.rows(wanted):
        reasons, files = tuple(row)
        found.update(dict.fromkeys(reasons.split(","), files))
    return dict(found)


def _counted(column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    copied = sa.and_(items.c.digest.is_not(None), items.c.id != _first)
    return (
        sa.select(
            column,
            sa.func.count(),
            sa.func.sum(items.c.size),
            sa.func.sum(sa.case((items.c.held, 1), else_=0)),
            sa.func.sum(sa.case((items.c.unread != "", 1), else_=0)),
            sa.func.sum(sa.case((copied, 1), else_=0)),
            sa.func.sum(sa.case((copied, 0), else_=items.c.customers)),
        )
        .where(items.c.result.is_not(None))
        .group_by(column)
    )


def _counts(row: sa.Row[Any]) -> dict[str, int]:
    names = ("files", "bytes", "held", "not_read_whole", "duplicates", "customers_by_file")
    return {name: int(number) for name, number in zip(names, tuple(row)[1:], strict=True)}
