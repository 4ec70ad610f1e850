"""Files of columns: Parquet, Arrow (Feather), ORC. Their rows as text, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import dataset, feather, ipc, orc
from pyarrow import parquet as pq

from exfilter.content.archives import memory
from exfilter.content.documents.cells import is_file, leaves, shown
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.model import Int64Array, Reason

_WORTH = 4 << 20
"""Bytes of rows that are looked at together, as far as their sizes are known."""
_MOST = 8192
_FILES = 5000
_ENCRYPTED = b"PARE"
_NESTING = 16
"""Structs in structs whose fields are columns."""
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_BINARY = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
_EXACT = float(1 << 53)
"""Whole numbers from here on are not exact in floating point."""


def parquet(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the rows of a Parquet file, whose pages are decoded one after the other."""
    data = _data(file)
    if data[-4:] == _ENCRYPTED:
        yield Left(Reason.ENCRYPTED, len(data))
        return
    whole = pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)), pre_buffer=False)
    about = whole.metadata
    yield _metadata(whole.schema_arrow, about.metadata)
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    size = sum(group.total_byte_size for group in groups) // max(1, about.num_rows)
    count = max(1, min(_MOST, _WORTH // max(1, size)))
    names = list(dict.fromkeys(whole.schema_arrow.names))
    readable = [name for name in names if _is_readable(whole, name)]
    if len(readable) < len(names):
        yield Left(Reason.ENCRYPTED, len(data))
    batches = whole.iter_batches(count, columns=readable, use_threads=False)
    yield from _rows(batches, len(data))


def _is_readable(whole: pq.ParquetFile, name: str) -> bool:
    """Whether a column is in the clear, or broken; only an encrypted one is left out."""
    try:
        next(whole.iter_batches(1, columns=[name], use_threads=False), None)
    except OSError as error:
        return "decrypt" not in str(error)
    return True


def arrow(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the rows of an Arrow file or stream, or of a Feather file."""
    data = _data(file)
    source = pa.BufferReader(pa.py_buffer(data))
    if data[:4] == b"FEA1":
        table = feather.read_table(source, use_threads=False)
        schema, batches = table.schema, iter(table.to_batches())
    elif data[:6] == b"ARROW1":
        reader = ipc.open_file(source)
        schema, batches = reader.schema, map(reader.get_batch, range(reader.num_record_batches))
    else:
        reader = ipc.open_stream(source)
        schema, batches = reader.schema, iter(reader)
    yield _metadata(schema, {})
    yield from _rows(batches, len(data))
    if data[:4] not in (b"FEA1", b"ARRO"):
        yield from memory.rest(data, source.tell(), len(data))


def orcs(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the rows of an ORC file. By way of a data set, which does not hold whole stripes."""
    data = _data(file)
    source = pa.py_buffer(data)
    whole = orc.ORCFile(pa.BufferReader(source))
    yield _metadata(whole.schema, whole.metadata)
    rows = dataset.OrcFileFormat().make_fragment(pa.BufferReader(source))
    yield from _rows(rows.to_batches(batch_size=_MOST, batch_readahead=1, use_threads=False), len(data))


def _data(file: BinaryIO) -> mmap:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    return mmap(file.fileno(), 0, access=ACCESS_READ)


def _metadata(schema: pa.Schema, about: Mapping[bytes, bytes] | None) -> Text:
    """Return the notes that a file has about itself and its columns."""
    notes = [about or {}, schema.metadata or {}, *(field.metadata or {} for field in schema)]
    lines = [b"%s: %s" % pair for each in notes for pair in each.items()]
    return Text(b"\n".join(lines).decode("utf-8", "replace"), "metadata")


def _rows(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[Found]:
    """Yield rows with their columns parted by tabs, and the values that are files."""
    files = left = 0
    begun = False
    for batch in batches:
        batch.validate(full=True)  # offsets that lie would be read from anywhere
        count = max(1, min(_MOST, _WORTH * batch.num_rows // max(1, batch.nbytes)))
        for start in range(0, batch.num_rows, count):
            columns = Columns(batch.slice(start, count))
            if not begun:
                yield Text("\t".join(columns.names) + "\n", records=np.zeros(1, dtype=np.int64))
                begun = True
            yield columns.text()
            for name, value in columns.files:
                files += 1
                if files <= _FILES:
                    yield Member(name, (value,))
                else:
                    left += len(value)
    if left:
        yield Left(Reason.OVER_BUDGET, min(left, size))


class Columns:
    """The columns of some rows, as text."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Take structs apart and write everything else in letters."""
        table = pa.Table.from_batches([batch])
        for _ in range(_NESTING):
            if not any(pa.types.is_struct(field.type) for field in table.schema):
                break
            table = table.flatten()
        self.names: list[str] = table.schema.names
        self.files: list[tuple[str, bytes]] = []
        """Values that are read by themselves, each with the name of its column."""
        self._count = batch.num_rows
        self._columns = [
            self._written(name, column.combine_chunks())
            for name, column in zip(self.names, table.columns, strict=True)
        ]

    def text(self) -> Text:
        """Return the rows."""
        rows = _joined([_joined(self._columns, "\t", self._count)], "\n", self._count)
        _, offsets, data = rows.buffers()
        bounds = np.frombuffer(offsets, dtype=np.int64)[rows.offset : rows.offset + self._count + 1]
        letters = memoryview(data)[bounds[0] : bounds[-1]] if data else memoryview(b"")
        return Text(str(letters, "utf-8", "replace"), records=_characters(letters, bounds[:-1] - bounds[0]))

    def _written(self, name: str, column: pa.Array) -> pa.Array:
        """Return a column as text, by the library where it can and else value by value."""
        kind = column.type
        plainer = _plainer(column)
        if plainer is not None:
            return self._written(name, plainer)
        if pa.types.is_struct(kind):
            return _joined([self._written(name, field) for field in column.flatten()], " ", len(column))
        if any(test(kind) for test in _LISTS):
            return self._lists(name, column)
        if not (any(test(kind) for test in _BINARY) or pa.types.is_nested(kind)):
            with suppress(pa.ArrowNotImplementedError, pa.ArrowInvalid):
                return _numbers(column) if pa.types.is_floating(kind) else column.cast(pa.large_string())
        return pa.array([self._flat(name, value) for value in column.to_pylist()], pa.large_string())

    def _lists(self, name: str, column: pa.Array) -> pa.Array:
        """Return lists and maps as their values with blanks between them."""
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        values = pc.fill_null(self._written(name, column.flatten()), "")
        return pc.binary_join(
            pa.LargeListArray.from_arrays(pa.array(ends), values), pa.scalar(" ", pa.large_string())
        )

    def _flat(self, name: str, value: object) -> str:
        plain = list(leaves(value))
        self.files += [(name, each) for each in plain if isinstance(each, bytes) and is_file(each)]
        return " ".join(filter(None, map(shown, plain)))


def _joined(columns: list[pa.Array], mark: str, count: int) -> pa.Array:
    """Return columns of text as one, with a mark between them, and behind a single one."""
    if len(columns) < 2:
        columns = [*columns, pa.repeat(pa.scalar("", pa.large_string()), count)]
    between = pa.scalar(mark, pa.large_string())
    return pc.binary_join_element_wise(*columns, between, null_handling="replace", null_replacement="")


def _plainer(column: pa.Array) -> pa.Array | None:
    """Return the values of a column without what its type adds to them; None where it adds nothing."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return column.storage
    if pa.types.is_dictionary(kind):
        return column.dictionary_decode()
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_decode(column)
    if pa.types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return column.cast(pa.list_(entry))
    return None


def _numbers(column: pa.Array) -> pa.Array:
    """Return numbers as text, whole ones without an exponent: that is how tables hold phone numbers."""
    column = column.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT))
    counts = pc.if_else(whole, column, None).cast(pa.int64())
    return pc.coalesce(counts.cast(pa.large_string()), column.cast(pa.large_string()))


def _characters(letters: memoryview, places: Int64Array) -> Int64Array:
    """Return for places in bytes of UTF-8 how many characters stand before each."""
    codes: np.ndarray[Any, np.dtype[np.uint8]] = np.frombuffer(letters, dtype=np.uint8)
    if not len(codes) or codes.max() < 0x80:
        return places.copy()
    begins = np.concatenate(([0], np.cumsum((codes & 0xC0) != 0x80)))
    found: Int64Array = begins[places]
    return found
