"""An index that is not what was built is refused, and says which file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exfilter.index.arrays import ARRAYS, COUNTRIES
from exfilter.index.store import Index, IndexRefused
from exfilter.index.verify import _faults, verify
from tests.index.making import TABLE, key, make, opened

SHARED_TABLE = TABLE + "C-0005,Anna Kowalska,anna.kowalska@post.example,,,\n"


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """Return the directory of the arrays."""
    return tmp_path / "index" / make(tmp_path, SHARED_TABLE).index


def _refused(tmp_path: Path, by: Callable[..., Index], reason: str) -> None:
    with pytest.raises(IndexRefused, match=reason) as refused:
        by(tmp_path / "index", key())
    assert "exfilter index build" in str(refused.value)


def test_a_whole_index_is_verified(tmp_path: Path, version: Path) -> None:
    assert verify(tmp_path / "index", key()).id == version.name


def test_another_key_is_told_from_alteration(tmp_path: Path, version: Path) -> None:
    with pytest.raises(IndexRefused, match="built with another key"):
        Index.open(tmp_path / "index", key(1))
    assert version.exists()


def test_no_index_says_how_to_build_one(tmp_path: Path) -> None:
    _refused(tmp_path, Index.open, "there is no index")


@pytest.mark.parametrize("content", [b"", b"../../etc", b"\xff\n", b"0123"])
def test_an_altered_pointer_is_refused(tmp_path: Path, version: Path, content: bytes) -> None:
    (version.parent / "CURRENT").write_bytes(content)
    _refused(tmp_path, Index.open, "CURRENT is altered")


@pytest.mark.parametrize("name", [*(f"{name}.npy" for name in (*ARRAYS, COUNTRIES)), "manifest.json"])
def test_a_lost_file_is_refused(tmp_path: Path, version: Path, name: str) -> None:
    (version / name).unlink()
    _refused(tmp_path, Index.open, f"lost its .*{name}")


@pytest.mark.parametrize("name", [*(f"{name}.npy" for name in (*ARRAYS, COUNTRIES)), "manifest.json"])
@pytest.mark.parametrize("left", [0, 50, -2])
def test_a_truncated_file_is_refused_when_opened(tmp_path: Path, version: Path, name: str, left: int) -> None:
    file = version / name
    file.write_bytes(file.read_bytes()[:left])
    _refused(tmp_path, Index.open, rf"{name}( is truncated or altered| is altered)")


@pytest.mark.parametrize("name", [*ARRAYS, COUNTRIES])
@pytest.mark.parametrize("at", [0, 60, -1])
def test_a_flipped_bit_is_refused_when_opened(tmp_path: Path, version: Path, name: str, at: int) -> None:
    _flip(version / f"{name}.npy", at)
    _refused(tmp_path, Index.open, rf"{name}\.npy is truncated or altered")
    _refused(tmp_path, verify, rf"{name}\.npy")


def test_an_altered_index_is_refused_though_it_was_good_before(tmp_path: Path, version: Path) -> None:
    files = sorted(version.glob("*.npy"))
    for file in files:
        os.utime(file, ns=(0, 0))
    Index.open(tmp_path / "index", key())
    before = (version / "records.npy").stat()
    _flip(version / "records.npy", -1)
    os.utime(version / "records.npy", ns=(before.st_atime_ns, before.st_mtime_ns))
    _refused(tmp_path, Index.open, r"records\.npy is truncated or altered")


def test_a_quick_open_looks_at_sizes_only(tmp_path: Path, version: Path) -> None:
    _flip(version / "records.npy", -1)
    assert Index.open(tmp_path / "index", key(), whole=False).id == version.name
    _refused(tmp_path, Index.open, r"records\.npy")
    (version / "records.npy").write_bytes(b"")
    with pytest.raises(IndexRefused, match=r"records\.npy is truncated"):
        Index.open(tmp_path / "index", key(), whole=False)


def _flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def test_a_header_that_claims_more_is_refused_when_opened(tmp_path: Path, version: Path) -> None:
    file = version / "records.npy"
    size = file.stat().st_size
    header = file.read_bytes()[:128].replace(b"'<u8'", b"'<i8'")
    file.write_bytes(header + bytes(size - 128))
    _refused(tmp_path, Index.open, "records.npy is truncated or altered")


def test_every_byte_of_the_manifest_counts(tmp_path: Path, version: Path) -> None:
    file = version / "manifest.json"
    whole = file.read_bytes()
    fields = json.loads(whole)
    for at in range(0, len(whole), 7):
        content = bytearray(whole)
        content[at] ^= 1
        file.write_bytes(content)
        try:
            same = json.loads(content) == fields
        except ValueError:
            same = False
        if same:
            continue
        with pytest.raises(IndexRefused, match=r"manifest|format|another key"):
            Index.open(tmp_path / "index", key())


@pytest.mark.parametrize("field", ["customers", "canonicaliser", "keys", "arrays", "sealed"])
def test_an_altered_manifest_is_refused(tmp_path: Path, version: Path, field: str) -> None:
    file = version / "manifest.json"
    fields = json.loads(file.read_text())
    fields[field] = 77
    file.write_text(json.dumps(fields))
    _refused(tmp_path, Index.open, "manifest.json is altered: its MAC")


def test_another_format_is_refused(tmp_path: Path, version: Path) -> None:
    file = version / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    _refused(tmp_path, Index.open, "format 99, this exfilter reads format 3")


def test_the_arrays_of_another_version_are_refused(tmp_path: Path, version: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    strange = other / "index" / make(other, SHARED_TABLE.replace("C-0005", "C-0006")).index
    (version / "customer_ids.npy").write_bytes((strange / "customer_ids.npy").read_bytes())
    _refused(tmp_path, verify, "customer_ids.npy")


def test_verify_knows_the_order_of_what_is_looked_up(tmp_path: Path) -> None:
    make(tmp_path, SHARED_TABLE)
    index = opened(tmp_path)
    assert list(_faults(index)) == []
    layer = index.tables.layers[0]
    records = np.array(layer.records[::-1])
    records[:, 2] = 99
    object.__setattr__(layer, "records", records)
    object.__setattr__(layer, "postings", np.full(len(layer.postings), 99, dtype=np.uint32))
    object.__setattr__(layer, "filter", np.zeros_like(layer.filter))
    object.__setattr__(index, "customers", 1)
    assert len(list(_faults(index))) == 7
