"""An index that was found whole opens without being read again, unless anything about a file changed."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import time
from pathlib import Path

import pytest

from exfilter.index import checked, store
from exfilter.index.arrays import ARRAYS, COUNTRIES
from exfilter.index.manifest import IndexRefused
from exfilter.index.store import Index
from exfilter.index.update import Request, update
from exfilter.index.verify import verify
from tests.index.making import key, make, opened, write

FILES = len(ARRAYS) + 1


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are read in full, as they are."""
    names: list[str] = []
    whole = hashlib.file_digest

    def noted(content: object, digest: str) -> object:
        names.append(Path(content.name).name)  # type: ignore[attr-defined]
        return whole(content, digest)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", noted)
    return names


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of an index whose files count as settled at once. It has no stamp yet."""
    if os.major(tmp_path.stat().st_dev) == 0:
        pytest.skip("nothing is stamped on a file system without a disk")
    made = tmp_path / "index" / make(tmp_path).index
    monkeypatch.setattr(checked, "SETTLED", -1)
    return made


def test_a_file_is_read_once_as_long_as_it_stays_the_same(
    tmp_path: Path, version: Path, read: list[str]
) -> None:
    opened(tmp_path)
    assert len(read) == FILES
    opened(tmp_path)
    assert len(read) == FILES
    os.utime(version / "records.npy")
    opened(tmp_path)
    assert read[FILES:] == ["records.npy"]
    opened(tmp_path)
    assert len(read) == FILES + 1


def test_a_file_that_has_just_changed_is_not_stamped(tmp_path: Path, read: list[str]) -> None:
    version = tmp_path / "index" / make(tmp_path).index
    read.clear()
    for _ in range(2):
        opened(tmp_path)
    assert len(read) == 2 * FILES
    assert not (version / checked.FILE).exists()


def test_what_was_altered_behind_the_stamp_is_refused_whatever_its_times_say(
    tmp_path: Path, version: Path
) -> None:
    opened(tmp_path)
    for name in (*ARRAYS, COUNTRIES):
        file = version / f"{name}.npy"
        whole, before = file.read_bytes(), file.stat()
        for altered in (whole[:-1] + bytes([whole[-1] ^ 1]), b"\0" * len(whole)):
            file.write_bytes(altered)
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
            with pytest.raises(IndexRefused, match=rf"{name}\.npy is truncated or altered"):
                opened(tmp_path)
        file.write_bytes(whole)
    opened(tmp_path)


def test_a_file_in_place_of_another_is_read(tmp_path: Path, version: Path, read: list[str]) -> None:
    opened(tmp_path)
    read.clear()
    file = version / "roles.npy"
    shutil.copy2(file, version / "new")
    (version / "new").rename(file)
    opened(tmp_path)
    assert read == ["roles.npy"]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"files": {}, "mac": ""}', b'{"files": 1, "mac": "a"}'],
    ids=["empty", "object", "list", "binary", "none", "types"],
)  # fmt: skip
def test_a_stamp_that_is_none_counts_as_none(
    tmp_path: Path, version: Path, read: list[str], content: bytes
) -> None:
    opened(tmp_path)
    read.clear()
    (version / checked.FILE).write_bytes(content)
    opened(tmp_path)
    assert len(read) == FILES


def test_nobody_without_the_key_can_stamp(tmp_path: Path, version: Path) -> None:
    opened(tmp_path)
    stamp = version / checked.FILE
    fields = json.loads(stamp.read_bytes())
    assert len(fields["mac"]) == 64
    file = version / "records.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    fields["files"]["records"] = checked.identity(file.stat())
    stamp.write_text(json.dumps(fields))
    with pytest.raises(IndexRefused, match=r"records\.npy"):
        opened(tmp_path)
    checked.write(version, fields["files"], store.version(tmp_path / "index", key()).mac, key(1))
    with pytest.raises(IndexRefused, match=r"records\.npy"):
        opened(tmp_path)


def test_the_stamp_of_another_version_counts_for_none(tmp_path: Path, version: Path) -> None:
    opened(tmp_path)
    mac = store.version(tmp_path / "index", key()).mac
    assert checked.read(version, mac, key())
    assert not checked.read(version, mac[::-1], key())


def test_a_folder_that_cannot_be_written_is_checked_each_time(
    tmp_path: Path, version: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    for _ in range(2):
        opened(tmp_path)
    assert len(read) == 2 * FILES
    assert not (version / checked.FILE).exists()


def test_verify_reads_all_whatever_the_stamp_says(tmp_path: Path, version: Path, read: list[str]) -> None:
    opened(tmp_path)
    read.clear()
    verify(tmp_path / "index", key())
    assert len(read) == FILES
    read.clear()
    opened(tmp_path)
    assert read == []
    assert (version / checked.FILE).stat().st_mode & 0o777 == 0o600


def test_what_verify_has_found_altered_is_not_opened_by_its_stamp(tmp_path: Path, version: Path) -> None:
    opened(tmp_path)
    stamp = (version / checked.FILE).read_bytes()
    file = version / "filter.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    # Bits that rotted: no time tells it.
    fields = json.loads(stamp)
    fields["files"]["filter"] = checked.identity(file.stat())
    checked.write(version, fields["files"], store.version(tmp_path / "index", key()).mac, key())
    opened(tmp_path)
    for by in (verify, Index.open):
        with pytest.raises(IndexRefused, match=r"filter\.npy"):
            by(tmp_path / "index", key())


def test_a_version_that_was_removed_while_it_was_opened_gives_way_to_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make(tmp_path).index
    late = [old]
    current = store.current

    def slow(path: Path) -> str:
        return late.pop() if late else current(path)

    for people in ("1,a@post.example", "2,b@post.example"):
        new = make(tmp_path, f"id,email\n{people}\n").index
    monkeypatch.setattr(store, "current", slow)
    assert opened(tmp_path).id == new


def test_an_update_is_stamped_anew_and_both_versions_stay_whole(
    tmp_path: Path, version: Path, read: list[str]
) -> None:
    opened(tmp_path)
    gone = write(tmp_path, "C-0001\n", "gone.txt")
    report = update(tmp_path / "index", key(), Request(remove=gone))
    read.clear()
    opened(tmp_path)
    assert read == []
    shutil.rmtree(version)
    assert verify(tmp_path / "index", key()).id == report.index


def test_a_mapping_from_before_the_check_alters_nothing_unseen(tmp_path: Path, version: Path) -> None:
    """A page written before and not flushed took another write without a trace in the file's times."""
    file = version / "records.npy"
    with file.open("r+b") as content, mmap.mmap(content.fileno(), 0) as memory:
        memory[:] = memory[:]
        time.sleep(checked.SETTLED / 1e9 + 0.1)
        opened(tmp_path)
        memory[-12:] = bytes(12)
        with pytest.raises(IndexRefused, match=r"records\.npy is truncated"):
            opened(tmp_path)
