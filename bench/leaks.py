"""The leak: customers copied out of the table, whole, by each field alone, and by each pair of fields."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from pathlib import Path

COPIED = 68_000
"""Customers in the leak, as in the incident."""
FIELDS = "name", "email", "phone", "ticket"
WHOLE = (*FIELDS, "country")
"""The table's columns except the id."""

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Leak:
    """One file of the leak."""

    file: str
    fields: tuple[str, ...]
    customers: int
    """In it: those who have all of its fields, where it is a list of one or two."""


def read(table: Path) -> Iterator[Row]:
    """Yield the rows of a customer table."""
    with table.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def pick(table: Path, customers: int, seed: int) -> list[Row]:
    """Return the leak's customers, drawn from the whole table, in its order; all, if it has no more."""
    rng = random.Random(seed)  # noqa: S311 - seeded on purpose
    chosen = iter(sorted(rng.sample(range(customers), min(COPIED, customers))))
    picked, wanted = [], next(chosen)
    with table.open(encoding="utf-8", newline="") as lines:
        header = next(csv.reader([next(lines)]))
        for number, line in enumerate(lines):
            if number == wanted:
                picked.append(dict(zip(header, next(csv.reader([line])), strict=True)))
                wanted = next(chosen, -1)
    return picked


def write(rows: Sequence[Row], folder: Path) -> list[Leak]:
    """Write every file of the leak."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [_write(rows, WHOLE, (), folder / "leak-whole.csv")]
    files += [_list(rows, field, folder / f"leak-{field}.txt") for field in FIELDS]
    files += [
        _write(rows, pair, pair, folder / f"leak-{'-'.join(pair)}.csv") for pair in combinations(FIELDS, 2)
    ]
    return files


def _write(rows: Iterable[Row], columns: tuple[str, ...], needed: tuple[str, ...], file: Path) -> Leak:
    kept = [[row[column] for column in columns] for row in rows if all(row[column] for column in needed)]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(kept)
    return Leak(file.name, columns, len(kept))


def _list(rows: Iterable[Row], field: str, file: Path) -> Leak:
    values = [row[field] for row in rows if row[field]]
    file.write_text("\n".join(values) + "\n", encoding="utf-8")
    return Leak(file.name, (field,), len(values))


def hits(table: Path, wanted: int, file: Path) -> int:
    """Write whole customers until they hold ``wanted`` values; return how many rows that takes.

    A table that is too short is gone through again.
    """
    held = written = 0
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(WHOLE)
        for row in _again(table):
            if held >= wanted:
                break
            writer.writerow([row[column] for column in WHOLE])
            held += sum(bool(row[field]) for field in FIELDS)
            written += 1
    return written


def _again(table: Path) -> Iterator[Row]:
    for again in cycle([table]):
        yield from read(again)
