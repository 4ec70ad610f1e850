"""``python -m bench.report``: the tables of ``bench/out`` in Markdown, so that no figure is typed by hand.

``--write FILE`` puts them between the two marks in a file such as ``bench/README.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.results import shown

BEGIN, END = "<!-- results: python -m bench.report --write bench/README.md -->", "<!-- end of results -->"
ORDER = (
    "throughput leak correctness recall formats overhead proxy icap whole build opening hits insiders "
    "patience ledger replay shares driver petabyte"
).split()


def markdown(out: Path) -> str:
    """Return every table of a folder, each with what it was measured on."""
    tables = [json.loads(file.read_text(encoding="utf-8")) for file in out.glob("*.json")]
    known = {name: number for number, name in enumerate(ORDER)}
    tables.sort(key=lambda table: (known.get(table["name"], len(known)), table["name"]))
    return "\n".join(line for table in tables for line in _table(table)).rstrip("\n") + "\n"


def _table(table: dict[str, Any]) -> Iterator[str]:
    yield f"### {table['title']}"
    yield ""
    yield from _rows(table["columns"], table["rows"])
    yield ""
    for note in table["notes"]:
        yield f"- {note}"
    yield f"- {_where(table['setting'])}"
    yield ""


def _rows(columns: list[str], rows: list[list[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    right = [any(isinstance(row[number], int | float) for row in rows) for number in range(len(columns))]
    yield f"|{'|'.join('---:' if numbers else '---' for numbers in right)}|"
    for row in rows:
        yield f"| {' | '.join(shown(figure).replace('|', chr(92) + '|') for figure in row)} |"


def _where(setting: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    return (
        f"{setting['customers']:,} customers; {setting['cpu']}, {setting['cores']} cores, "
        f"{setting['memory'] / 2**30:.0f} GiB, {setting['system']}; {versions}; {setting['date']}"
    )


def put(text: str, tables: str) -> str:
    """Return the text with the tables between the marks. Raises ValueError where there are none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"the file has no place for results: put the lines {BEGIN} and {END} into it"
        raise ValueError(msg)
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def main() -> None:
    """Print the tables, or write them into a file."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/out"), help="folder of the figures")
    parser.add_argument("--write", type=Path, help="file to put the tables into")
    given = parser.parse_args()
    tables = markdown(given.out)
    if given.write:
        given.write.write_text(put(given.write.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        print(tables, end="")  # noqa: T201


if __name__ == "__main__":
    main()
