"""Customer tables as Parquet. Needs pyarrow, which is an extra."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from exfilter.index.jsonlines import flatten
from exfilter.index.table import Broken, Cell, Progress, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BATCH = 8192


class ParquetTable:
    """Rows in column chunks."""

    format = "Parquet"
    charset = doubt = ""

    def __init__(self, path: Path) -> None:
        """Read the schema. Raises ValueError where pyarrow is missing or the file is damaged."""
        try:
            import pyarrow.parquet  # noqa: PLC0415 - an extra that most go without
        except ImportError:
            msg = f"{path} is Parquet, which needs pyarrow: `pip install exfilter[index]`, or save it as CSV"
            raise ValueError(msg) from None
        self._path, self._arrow = path, pyarrow
        with self._reading():
            self._file = pyarrow.parquet.ParquetFile(path)
            self._names = tuple(self._file.schema_arrow.names)
        self.columns: tuple[str, ...] = self._names

    def rows(self, wanted: Sequence[int], progress: Progress) -> Iterator[Row | Broken]:
        """Yield the rows; "line" is the number of the row."""
        total = max(1, self._file.metadata.num_rows)
        names = sorted({self._names[number] for number in wanted})
        number = 0
        with self._reading():
            for batch in self._file.iter_batches(batch_size=BATCH, columns=names):
                progress(number / total)
                columns = {name: batch.column(name).to_pylist() for name in names}
                for cells in zip(*(columns[self._names[n]] for n in wanted), strict=True):
                    number += 1
                    yield Row(number, tuple(map(_cell, cells)))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (self._arrow.ArrowException, UnicodeDecodeError, OSError):
            pass
        else:
            return
        # Outside the handler: pyarrow's messages may quote what was being read.
        msg = f"{self._path} is damaged or no Parquet that pyarrow reads: export the table again"
        raise ValueError(msg)


def _cell(value: object) -> Cell:
    """Return all the values within lists and objects."""
    found: dict[str, list[str]] = {}
    flatten("", value, found)
    values = [shown for several in found.values() for shown in several]
    return values[0] if len(values) == 1 else tuple(values) if values else ""
