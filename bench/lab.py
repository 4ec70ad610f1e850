"""What the tables share: the customers, their index, the texts, and how often each is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import corpora, customers, measure
from bench.corpora import Corpora
from bench.customers import Spec
from exfilter import content, kernel, settings
from exfilter.index import keys
from exfilter.index.store import Index, IndexRefused
from exfilter.limits import Limits
from exfilter.model import Part, Transfer
from exfilter.scan import Pipeline
from exfilter.scanner import Scanner

HELD = 0, 1, 2
"""Exit codes of a scan that came to its end: something may be held, or not be read."""


@dataclass
class Lab:
    """Customers, index and texts of one size. Each is made when it is first asked for."""

    customers: int
    data: Path
    repetitions: int = 5
    out: Path = Path("bench/out")
    """Where the figures go."""

    @property
    def spec(self) -> Spec:
        """The customer table's parameters."""
        return Spec(self.customers)

    @cached_property
    def table(self) -> Path:
        """The customer table."""
        return customers.make(self.spec, self.data)

    @cached_property
    def corpora(self) -> Corpora:
        """The texts."""
        return corpora.make(self.spec, self.table)

    def house(self, table: Path) -> Path:
        """Return the configuration folder for a table, with keys and policy; it may have no index yet."""
        folder = self.data / f"house-{table.stem}"
        if not (folder / settings.FILE).exists():
            measure.command(measure.exfilter("init", str(folder)))
        return folder

    @cached_property
    def config(self) -> Path:
        """The configuration folder with the index of `table`, built where there is none that fits."""
        folder = self.house(self.table)
        try:
            self.open(folder)
        except IndexRefused:
            measure.command(
                measure.exfilter("index", "build", str(self.table), "--config", str(folder), "--fresh")
            )
        return folder

    def open(self, folder: Path) -> Index:
        """Open the index of a configuration folder. Raises IndexRefused."""
        given = settings.load(folder)
        return Index.open(given.index, keys.load(given.index_key))

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline, as ``exfilter scan`` has it."""
        return Scanner(settings.load(self.config), Limits()).pipeline()


def transfer(file: Path) -> Transfer:
    """Return a file as ``exfilter scan`` reads it."""
    return Transfer(door="scan", body=file.read_bytes(), name=str(file))


def parts(some: Transfer) -> Iterator[Part]:
    """Yield the slices of a transfer that the kernel gets to see."""
    for item in content.read(some, Limits()):
        if isinstance(item, Part):
            yield item


def find(slices: list[Part], pipeline: Pipeline) -> int:
    """Run the kernel over slices; return the hits."""
    tables = pipeline.engine.index.tables
    return sum(len(kernel.find(part.text, tables, part.records).tag) for part in slices)
