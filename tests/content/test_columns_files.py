"""Files of columns: their rows, whatever their types, and what of them is encrypted."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import io
import random
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, ipc, orc
from pyarrow import parquet as pq
from pyarrow.parquet import encryption

from exfilter.model import Part, Reason
from tests.content.reading import items, main, reasons, records, texts

COUNT = 3000
PEOPLE = pa.table(
    {
        "id": pa.array(range(COUNT)),
        "name": [f"Ann Smith{number}" for number in range(COUNT)],
        "mail": [f"ann{number}@example.com" for number in range(COUNT)],
    }
)


def parquet(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def arrow(table: pa.Table, *, stream: bool = False, compression: str | None = None) -> bytes:
    out = io.BytesIO()
    new = ipc.new_stream if stream else ipc.new_file
    with new(out, table.schema, options=ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=700)
    return out.getvalue()


def feathers(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    feather.write_feather(table, out, **options)
    return out.getvalue()


def orcs(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    orc.write_table(table, out, **options)
    return out.getvalue()


def avro(table: pa.Table, codec: str = "null") -> bytes:
    out = io.BytesIO()
    fields = [
        {"name": "id", "type": "long"},
        {"name": "name", "type": "string"},
        {"name": "mail", "type": "string"},
    ]
    fastavro.writer(
        out, {"type": "record", "name": "person", "fields": fields}, table.to_pylist(), codec=codec
    )
    return out.getvalue()


def data_of(block: Any) -> bytes:  # noqa: ANN401 - its types leave out what its manual names
    return bytes(block.bytes_.getvalue())


def snappy_avro(table: pa.Table) -> bytes:
    """Compress the blocks of an Avro file by hand: the library needs another one to write them."""
    plain = io.BytesIO(avro(table))
    blocks = fastavro.block_reader(plain)
    schema = blocks.writer_schema
    out = io.BytesIO()
    fastavro.writer(out, schema, [])
    header = out.getvalue().replace(b"\x08null", b"\x0csnappy")
    sync = header[-16:]

    def long(number: int) -> bytes:
        coded, number = b"", number << 1
        while number > 0x7F:
            coded += bytes([number & 0x7F | 0x80])
            number >>= 7
        return coded + bytes([number])

    for block in blocks:
        data = pa.compress(data_of(block), codec="snappy", asbytes=True) + b"\0\0\0\0"
        header += long(block.num_records) + long(len(data)) + data + sync
    return header


FILES = {
    "parquet": parquet(PEOPLE),
    "parquet zstd": parquet(PEOPLE, compression="zstd", use_dictionary=False, row_group_size=500),
    "parquet v2": parquet(PEOPLE, version="2.6", data_page_version="2.0", compression="brotli"),
    "arrow": arrow(PEOPLE),
    "arrow zstd": arrow(PEOPLE, compression="zstd"),
    "stream": arrow(PEOPLE, stream=True),
    "stream lz4": arrow(PEOPLE, stream=True, compression="lz4"),
    "feather": feathers(PEOPLE, compression="lz4"),
    "feather 1": feathers(PEOPLE, version=1),
    "orc": orcs(PEOPLE),
    "orc zlib": orcs(PEOPLE, compression="zlib"),
    **{f"avro {codec}": avro(PEOPLE, codec) for codec in ("null", "deflate", "zstandard", "xz", "bzip2")},
    "avro snappy": snappy_avro(PEOPLE),
}


@pytest.mark.parametrize("name", FILES)
def test_each_row_is_a_record(name: str) -> None:
    found = [
        record
        for part in items(FILES[name])
        if isinstance(part, Part) and part.path == ("customers.dat",)
        for record in records(part)
    ]
    assert {f"{row['id']}\t{row['name']}\t{row['mail']}\n" for row in PEOPLE.to_pylist()} <= set(found)
    assert reasons(FILES[name]) == []


def test_values_of_every_type_are_read() -> None:
    zone = dt.UTC
    columns = {
        "ümlaut": ["Zoë", "山田"],
        "double": [4922155501000.0, 1.5],
        "single": pa.array([1555.0, None], pa.float32()),
        "decimal": [decimal.Decimal("12.30"), None],
        "time": [dt.datetime(2020, 1, 2, tzinfo=zone), None],
        "bytes": [b"Ann\0Smith", b"Bo"],
        "fixed": pa.array([b"1234", None], pa.binary(4)),
        "words": pa.array(["a", "b"]).dictionary_encode(),
        "view": pa.array(["viewed", None], pa.string_view()),
        "none": pa.nulls(2),
        "list": [["x@example.com", "y@example.com"], None],
        "struct": [{"city": "Köln", "inner": {"zip": 50667}}, None],
        "map": pa.array([[("k", "v1")], []], pa.map_(pa.string(), pa.string())),
        "structs": [[{"a": 1, "b": "z@example.com"}], []],
    }
    (head, first, second) = records(main(arrow(pa.table(columns))))
    assert head.split("\t")[0] == "ümlaut"
    assert "struct.inner.zip" in head
    assert first.rstrip("\n").split("\t") == [
        *(
            "Zoë",
            "4922155501000",
            "1555",
            "12.30",
            "2020-01-02 00:00:00.000000Z",
            "Ann Smith",
            "1234",
            "a",
            "viewed",
        ),
        *("", "x@example.com y@example.com", "Köln", "50667", "k v1", "1 z@example.com"),
    ]
    assert second.startswith("山田\t1.5\t")


def test_notes_of_a_file_are_read() -> None:
    field = pa.field("a", pa.string(), metadata={"note": "field@example.com"})
    table = pa.table([pa.array(["x"])], schema=pa.schema([field], metadata={"by": "file@example.com"}))
    for body in (parquet(table), arrow(table)):
        found = texts(body)["customers.dat > metadata"]
        assert "field@example.com" in found
        assert "file@example.com" in found


def test_files_in_rows_are_opened() -> None:
    out = io.BytesIO()
    csv.write_csv(PEOPLE, out)
    table = pa.table(
        {"file": [pa.compress(out.getvalue(), codec="gzip", asbytes=True)], "files": [[b"\1" * 70]]}
    )
    for body, step in ((parquet(table), 'parquet "file"'), (orcs(table), 'orc "file"')):
        assert "ann7@example.com" in texts(body)[f"customers.dat > {step} > gzip"]


def test_a_file_without_columns_is_nothing() -> None:
    assert reasons(arrow(pa.table({"a": pa.array([], pa.string())}))) == []


class Kms(encryption.KmsClient):  # type: ignore[misc]
    def wrap_key(self, key: bytes, _: str) -> bytes:
        return key

    def unwrap_key(self, key: bytes, _: str) -> bytes:
        return key


@pytest.mark.parametrize("plain", [True, False])
def test_what_is_encrypted_is_reported_and_the_rest_is_read(plain: bool) -> None:  # noqa: FBT001
    factory = encryption.CryptoFactory(lambda _: Kms())
    wanted = encryption.EncryptionConfiguration(
        footer_key="f", column_keys={"k": ["name"]}, plaintext_footer=plain
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), wanted)
    body = parquet(PEOPLE, encryption_properties=properties)
    assert [(item.reason, item.bytes) for item in items(body) if not isinstance(item, Part)] == [
        (Reason.ENCRYPTED, len(body))
    ]
    found = texts(body).get("customers.dat", "")
    assert ("ann7@example.com" in found, "Smith7" in found) == (plain, False)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_is_reported(name: str) -> None:
    body = FILES[name]
    found = items(body[: len(body) * 2 // 3])
    assert any(not isinstance(item, Part) and item.reason is Reason.MALFORMED for item in found)


def test_a_dictionary_that_blows_up_ends_within_the_budget() -> None:
    """Every one of a million rows holds the same 4 MiB."""
    words = pa.DictionaryArray.from_arrays(
        np.zeros(1_000_000, dtype=np.int32), ["ann@example.com " * (1 << 18)]
    )
    for body in (arrow(pa.table({"a": words})), parquet(pa.table({"a": words}))):
        assert set(reasons(body)) & {Reason.OVER_BUDGET, Reason.MALFORMED}


def test_mutations_are_read_or_reported() -> None:
    chance = random.Random(3)
    for whole in list(FILES.values())[::3]:
        for _ in range(6):
            body = bytearray(whole)
            for _ in range(chance.randrange(1, 20)):
                body[chance.randrange(8, len(body))] = chance.randrange(256)
            assert items(bytes(body))


def test_what_follows_a_stream_is_opened() -> None:
    body = arrow(pa.table({"a": ["x"]}), stream=True) + gzip.compress(b"zoe@example.com,bob@example.com")
    assert any("zoe@example.com" in text for text in texts(body).values())
