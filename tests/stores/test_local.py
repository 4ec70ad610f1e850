"""Local folders as stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exfilter.body import whole
from exfilter.model import Reason
from exfilter.stores import Item, Unreadable, listed, opened


def test_a_file_has_its_size_owner_and_version(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "Letter.TXT").write_bytes(b"hello")
    (item,) = listed(str(tmp_path))
    assert (item.url, item.size, item.type) == (f"{tmp_path}/b/Letter.TXT", 5, "txt")
    assert item.folder == f"{tmp_path}/b"
    assert item.owner
    with opened(item) as body:
        assert whole(body) == b"hello"


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").touch()
    assert [item.url for item in listed(f"file://{tmp_path}/a%20b.txt")] == [f"{tmp_path}/a b.txt"]


def test_a_file_that_changed_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"hello")
    (item,) = listed(str(tmp_path))
    file.write_bytes(b"hello, you")
    with pytest.raises(Unreadable, match="changed since it was listed"), opened(item):
        pass


def test_what_cannot_be_listed_is_an_item_with_its_problem(tmp_path: Path) -> None:
    assert list(listed(f"{tmp_path}/none")) == [
        Item("", f"{tmp_path}/none", problem="no such file or directory")
    ]
    (tmp_path / "out").symlink_to("/etc/hostname")
    (item,) = listed(str(tmp_path))
    assert item.problem == "symbolic link that leaves the folder"
    with pytest.raises(Unreadable, match="symbolic link"), opened(item):
        pass


def test_a_folder_that_became_a_link_since_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    """What lies outside may have the same size and time: who owns a file sets both."""
    outside, share = tmp_path / "outside", tmp_path / "share"
    for folder in (outside, share / "deep" / "er"):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_bytes(b"hello")
        os.utime(folder / "a.txt", ns=(1, 1))
    (item,) = listed(str(share))
    with opened(item) as body:
        assert whole(body) == b"hello"
    for place, target in ((share / "deep" / "er", outside), (share / "deep", tmp_path / "moved")):
        place.rename(tmp_path / "moved")
        place.symlink_to(target)
        with pytest.raises(Unreadable), opened(item):
            pass
        place.unlink()
        (tmp_path / "moved").rename(place)


def test_a_file_that_changes_while_it_is_read_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"hello")
    os.utime(file, ns=(1, 1))
    (item,) = listed(str(tmp_path))
    with pytest.raises(Unreadable, match="changed since it was listed"), opened(item):
        file.write_bytes(b"other")


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (item,) = listed(str(tmp_path))
    assert (item.problem, item.reason) == ("not a regular file", Reason.UNSUPPORTED)


def test_a_file_without_a_size_is_not_taken_for_an_empty_one() -> None:
    (item,) = listed("/proc/version")
    assert item.size == 0
    with pytest.raises(Unreadable, match="longer than its size says"), opened(item):
        pass


def test_a_path_that_cannot_be_looked_at_is_an_item_with_its_problem(tmp_path: Path) -> None:
    """It ended the run: not every such error means that nothing is there."""
    path = f"{tmp_path}/{'x' * 5000}"
    assert list(listed(path)) == [Item("", path, problem="file name too long")]
