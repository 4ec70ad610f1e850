"""``python -m bench``: measure, print every table, and write ``bench/out/*.json``.

``CUSTOMERS`` in the environment or ``--customers`` gives the size of the table, 1,000,000 unless told.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console

from bench.lab import Lab
from bench.results import publish, setting
from bench.tables import TABLES

CUSTOMERS = 1_000_000
WIDTH = 150
"""Columns where the output is not a terminal."""


def main() -> None:
    """Run the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--customers", type=int, default=int(os.environ.get("CUSTOMERS") or CUSTOMERS))
    parser.add_argument(
        "--data", type=Path, default=Path("bench/data"), help="generated tables, texts, indexes"
    )
    parser.add_argument("--out", type=Path, default=Path("bench/out"), help="where the figures go")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; none: all of them"
    )
    given = parser.parse_args()
    unknown = sorted(set(given.tables) - set(TABLES))
    if unknown:
        parser.error(f"there is no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    lab = Lab(given.customers, given.data.absolute(), given.repetitions, given.out)
    where = setting(given.customers)
    console.print(
        f"{where.customers:,} customers; {where.cpu}, {where.cores} cores, {where.system}", highlight=False
    )
    for name in given.tables or TABLES:
        publish(TABLES[name](lab), where, given.out, console)
