"""A WARC yields its requests, also from gzip members; what is not as it says is named."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.body import whole
from exfilter.captures import Captured, Unread, warc

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = b"POST /up HTTP/1.1\r\nHost: paste.example\r\nContent-Length: 5\r\n\r\nhello"


def record(data: bytes, kind: str = "request", length: int | None = None) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: <https://Paste.example/up>\r\n"
        "WARC-Date: 2023-11-14T22:13:20Z\r\nContent-Type: application/http; msgtype=request\r\n"
        f"WARC-Record-ID: <urn:1>\r\nContent-Length: {len(data) if length is None else length}\r\n\r\n"
    )
    return head.encode() + data + b"\r\n\r\n"


def read(folder: Path, data: bytes) -> list[Captured | Unread]:
    path = folder / "crawl.warc"
    path.write_bytes(data)
    return list(warc.captured(path, "crawler"))


@pytest.mark.parametrize("packed", [False, True])
def test_request_records_are_transfers(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001
    records = [record(b"x" * 3000, "response"), record(REQUEST), record(REQUEST, "warcinfo")]
    items = read(tmp_path, b"".join(map(gzip.compress, records) if packed else records))
    (item,) = items
    assert isinstance(item, Captured)
    transfer = item.transfer
    assert (transfer.body, transfer.method, transfer.destination) == (b"hello", "POST", "paste.example")
    assert (transfer.time, transfer.actor, item.place) == (1_700_000_000.0, "crawler", "record 2")
    assert transfer.url == "https://Paste.example/up"


def test_a_record_that_lies_of_its_length_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    items = read(tmp_path, record(REQUEST, length=10) + record(REQUEST))
    assert any(isinstance(each, Unread) for each in items)
    assert isinstance(items[-1], Captured)
    assert items[-1].transfer.body == b"hello"


def test_a_forged_length_costs_no_memory(tmp_path: Path) -> None:
    (item,) = read(tmp_path, record(REQUEST, length=10**12))[:1]
    assert isinstance(item, Unread)
    assert "more than" in item.why


def test_a_request_that_is_cut_has_a_missing_part(tmp_path: Path) -> None:
    first, second = read(tmp_path, record(REQUEST)[:-6])
    assert isinstance(first, Captured)
    assert first.transfer.body == b"hel"
    assert first.missing
    assert isinstance(second, Unread)


def test_bytes_behind_a_body_are_read_as_well(tmp_path: Path) -> None:
    (item, *_) = read(tmp_path, record(REQUEST.replace(b"5", b"3") + b"more and more"))
    assert isinstance(item, Captured)
    assert b"more and more" in whole(item.transfer.body)


def test_a_bomb_is_read_no_further_than_its_record_goes(tmp_path: Path) -> None:
    bomb = gzip.compress(record(REQUEST) + b"\0" * 50_000_000)
    items = read(tmp_path, bomb)
    assert isinstance(items[0], Captured)
    assert any(isinstance(each, Unread) for each in items[1:])


@given(count=st.integers(1, 5), cut=st.floats(0.01, 1), packed=st.booleans())
def test_any_cut_of_an_archive_yields_a_prefix(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    cut: float,
    packed: bool,  # noqa: FBT001
) -> None:
    pieces = [record(REQUEST[:-1] + b"%d" % number) for number in range(count)]
    data = b"".join(map(gzip.compress, pieces) if packed else pieces)
    some = data[: max(1, int(len(data) * cut))]
    items = read(tmp_path_factory.mktemp("warc"), some)
    bodies = [each.transfer.body for each in items if isinstance(each, Captured) and not each.missing]
    assert bodies == [b"hell%d" % number for number in range(len(bodies))]
    kept = map(gzip.compress, pieces[: len(bodies)]) if packed else pieces[: len(bodies)]
    if len(some) > sum(map(len, kept)):
        assert isinstance(items[-1], Unread)


@given(st.binary(max_size=300))
def test_hostile_bytes_end_in_values(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    for data in (b"WARC/1.0\r\n" + noise, record(noise), gzip.compress(noise), b"\x1f\x8b" + noise):
        items = read(tmp_path_factory.mktemp("warc"), data)
        assert all(isinstance(each, Captured | Unread) for each in items)
