"""A capture is known by its content, whatever it is called."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from exfilter.captures import Kind, kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Kind.DUMP),
        (b"1234:5:hello", Kind.DUMP),
        (b"12", Kind.DUMP),
        (b'{"log": {}}', Kind.HAR),
        (b'\xef\xbb\xbf\r\n {"log": {}}', Kind.HAR),
        (b"WARC/1.1\r\n", Kind.WARC),
        (gzip.compress(b"WARC/1.0\r\n"), Kind.WARC),
        (bytes.fromhex("d4c3b2a1"), Kind.PACKETS),
        (bytes.fromhex("0a0d0d0a"), Kind.PACKETS),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(tmp_path: Path, data: bytes, expected: Kind) -> None:
    path = tmp_path / "capture.txt"
    path.write_bytes(data)
    assert kind(path) is expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x7fELF", "not a capture"),
        (b"name,email\n", "not a capture"),
        (b"2023-11-14: a log", "not a capture"),
        (gzip.compress(b'{"log": {}}'), "compressed"),
        ('{"log"'.encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "capture.har"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=why):
        kind(path)
