"""A file is read again when it changes; one with a mistake leaves what was there before, and is said."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest

from exfilter.latest import Latest, Once

if TYPE_CHECKING:
    from pathlib import Path


def number(path: Path) -> int:
    try:
        return int(path.read_text())
    except ValueError:
        msg = f"{path}:1: no number"
        raise ValueError(msg) from None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_follows_the_file_and_survives_mistakes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, clock = tmp_path / "n", Clock()
    file.write_text("1")
    latest = Latest(file, number, clock)

    def after(text: str | None) -> int:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        clock.now += Latest.CHECK
        return latest()

    assert latest() == 1
    assert after("22") == 22
    with caplog.at_level(logging.ERROR):
        assert after("secret") == 22
        assert after(None) == 22
        assert after("1") == 1
        assert after(None) == 1, "said again: it was well in between"
    assert [record.message for record in caplog.records] == [
        f"{file}:1: no number; what it said before stays",
        *[f"{file}: No such file or directory; what it said before stays"] * 2,
    ]
    assert after("333") == 333


def test_it_looks_once_a_second(tmp_path: Path) -> None:
    file, clock = tmp_path / "n", Clock()
    file.write_text("1")
    latest = Latest(file, number, clock)
    file.write_text("22")
    assert latest() == 1
    clock.now += Latest.CHECK
    assert latest() == 22


def test_it_begins_with_a_good_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Latest(tmp_path / "n", number)
    (tmp_path / "n").write_text("x")
    with pytest.raises(ValueError, match="no number"):
        Latest(tmp_path / "n", number)


def test_what_was_said_once_is_not_said_again_also_not_by_a_fork() -> None:
    once = Once("first")
    assert once("first") is None
    assert once("second") == "first"
    child = os.fork()
    if not child:
        os._exit(0 if once("second") is None and once("third") == "second" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert once("third") is None
    assert once("first") == "third"
