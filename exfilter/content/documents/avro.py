"""Avro container files: the values of each object as a row."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

import fastavro
import pyarrow as pa
import zstandard
from fastavro.read import BLOCK_READERS

from exfilter.content.documents.cells import is_file, leaves, shown
from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.model import Reason

_FILES = 5000
_CHECKSUM = 4


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the notes of a file about itself, its rows, and the values that may be files."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    objects = fastavro.reader(file, handle_unicode_errors="replace")
    yield Text("\n".join(f"{key}: {value}" for key, value in objects.metadata.items()), "metadata")
    if objects.codec not in BLOCK_READERS:
        yield Left(Reason.OPAQUE, size)
        return
    rows, files, left = Rows(), 0, 0
    for one in objects:
        plain = list(leaves(list(one.values()) if isinstance(one, dict) else one))
        rows.add("\t".join(map(shown, plain)) + "\n")
        yield from rows.pieces()
        for value in plain:
            if isinstance(value, bytes) and is_file(value):
                files += 1
                if files > _FILES:
                    left += len(value)
                else:
                    yield Member("value", (value,))
    yield from rows.pieces(last=True)
    if left:
        yield Left(Reason.OVER_BUDGET, left)


def _number(file: BinaryIO) -> int:
    """Return a number of variable length, seven bits a byte."""
    number = shift = 0
    while (code := file.read(1)) and shift < 64:
        number |= (code[0] & 0x7F) << shift
        shift += 7
        if code[0] < 0x80:
            break
    return number


def _block(file: BinaryIO) -> bytes:
    zigzag = _number(file)
    return file.read((zigzag >> 1) ^ -(zigzag & 1))


def _snappy(file: BinaryIO) -> BinaryIO:
    data = _block(file)[:-_CHECKSUM]
    return io.BytesIO(pa.decompress(data, _number(io.BytesIO(data)), codec="snappy", asbytes=True))


def _zstandard(file: BinaryIO) -> BinaryIO:
    return io.BytesIO(zstandard.ZstdDecompressor().stream_reader(_block(file)).read())


# The library would need one more library for each.
BLOCK_READERS |= {"snappy": _snappy, "zstandard": _zstandard}
