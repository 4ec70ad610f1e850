"""Local folders as stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from exfilter.body import whole
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
