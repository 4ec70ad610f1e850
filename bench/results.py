"""A table of figures: printed, and written as JSON with the machine and the versions that gave them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as Printed

from bench.peers import installed

Figure = str | int | float | None
"""None: not measured here. Printed as a dash."""

PACKAGES = "numpy Cython phonenumbers hyperscan google-re2 ahocorasick-rs Faker names".split()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures. The last column is the issue's target, where there is one."""

    name: str
    """Of the file, and of the choice on the command line."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Figure, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the figures come from."""

    customers: int
    date: str
    cpu: str
    cores: int
    memory: int
    """Bytes."""
    system: str
    versions: dict[str, str]


def setting(customers: int) -> Setting:
    """Return what this machine is."""
    from exfilter import __version__, kernel  # noqa: PLC0415 - a report is printed without the kernel

    versions = {"exfilter": f"{__version__} ({kernel.NAME} kernel)", "Python": platform.python_version()}
    versions |= {package: installed(package) for package in PACKAGES}
    return Setting(
        customers=customers,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        versions={package: version for package, version in versions.items() if version},
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def shown(figure: Figure) -> str:
    """Write a figure with three digits that count, never in powers of ten."""
    if figure is None:
        return "–"
    if isinstance(figure, float):
        digits = 0 if abs(figure) >= 100 else 1 if abs(figure) >= 10 else 2
        return f"{figure:,.{digits}f}"
    return f"{figure:,}" if isinstance(figure, int) else figure


def publish(table: Table, where: Setting, out: Path, console: Console) -> None:
    """Print a table and write it to ``out/<name>.json``."""
    printed = Printed(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        printed.add_column(
            column, justify="right" if _numbers(table.rows, number) else "left", overflow="fold"
        )
    for row in table.rows:
        printed.add_row(*map(shown, row))
    console.print(printed, markup=False)
    for note in table.notes:
        console.print(f"  {note}", style="dim", markup=False, highlight=False)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**asdict(table), "setting": asdict(where)}, indent=1, ensure_ascii=False)
    (out / f"{table.name}.json").write_text(text + "\n", encoding="utf-8")


def _numbers(rows: Sequence[Sequence[Figure]], column: int) -> bool:
    return any(isinstance(row[column], int | float) for row in rows)
