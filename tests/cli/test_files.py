"""Which files a scan finds, and how it takes what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exfilter.body import whole
from exfilter.cli import files
from exfilter.cli.files import Source
from exfilter.limits import Limits
from exfilter.model import Reason
from exfilter.stores import Unreadable

ROOT = os.geteuid() == 0


def found(path: Path) -> list[tuple[str, str]]:
    sources = files.sources([str(path)], Limits())
    return [(os.path.relpath(source.path, path), source.problem) for source in sources]


def test_folders_are_walked_by_name(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.txt", "a.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [name for name, _ in found(tmp_path)] == ["a.txt", "b/1.txt", "b/2.txt", "c.txt"]


def test_paths_stay_as_they_were_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert [source.path for source in files.sources(["in", "in/a.txt"], Limits())] == ["in/a.txt", "in/a.txt"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.txt").write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "file").symlink_to(tmp_path / "out" / "secret.txt")
    (tmp_path / "in" / "nothing").symlink_to("gone")
    problem = "symbolic link that leaves the folder"
    assert found(tmp_path / "in") == [("file", problem), ("folder", problem), ("nothing", problem)]


def test_links_inside_the_folder_lead_to_what_is_scanned_anyway(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "again.txt").symlink_to("a.txt")
    (tmp_path / "loop").symlink_to(".")
    assert found(tmp_path) == [("a.txt", "")]


def test_a_link_that_was_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to("a.txt")
    (source,) = files.sources([str(tmp_path / "link")], Limits())
    assert files.read(source) == b"x"


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "a.txt").symlink_to("secret.txt")
    with pytest.raises(Unreadable):
        files.read(Source(str(tmp_path / "a.txt")))


def test_large_files_are_mapped_and_small_ones_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAPPED", 4)
    for name, content in (("small", b"abc"), ("large", b"abcd")):
        (tmp_path / name).write_bytes(content)
        assert whole(files.read(Source(str(tmp_path / name)))) == content
    assert isinstance(files.read(Source(str(tmp_path / "large"))), memoryview)
    (tmp_path / "empty").touch()
    assert files.read(Source(str(tmp_path / "empty"))) == b""


def test_special_files_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="not a regular file") as caught:
        files.read(Source(str(tmp_path / "pipe")))
    assert caught.value.reason is Reason.UNSUPPORTED


def test_a_file_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such file") as caught:
        files.read(Source(str(tmp_path / "gone.txt"), named=True))
    assert caught.value.reason is Reason.MALFORMED
    assert files.size(Source(str(tmp_path / "gone.txt"))) == 0


@pytest.mark.skipif(ROOT, reason="root may read everything")
def test_a_forbidden_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(Unreadable, match="permission denied"):
        files.read(Source(str(tmp_path / "a.txt")))
