"""The README's commands run as printed, one block after the other, in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exfilter.cli import COMMANDS

README = Path(__file__).parent.parent / "README.md"
SQUID = README.parent / "examples" / "icap" / "squid.conf"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def outputs(folder: Path) -> list[str]:
    """Everything that the blocks print, in order."""
    printed = []
    for block in BLOCKS:
        done = run(block, folder)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


def test_every_block_runs(outputs: list[str]) -> None:
    assert len(outputs) == len(BLOCKS) >= 7


def test_reply_passes_and_copies_would_be_held(outputs: list[str], folder: Path) -> None:
    assert folder.joinpath("holiday.jpg").exists()
    text = "\n".join(outputs)
    assert "1 file: 0 would be held, 0 not read whole" in text
    assert '"path": "holiday.jpg", "verdict": "quarantine", "customers": 59' in text
    assert "1 file: 1 would be held, 0 not read whole" in text


def test_a_run_leaves_its_report(outputs: list[str], folder: Path) -> None:
    assert len(outputs) == len(BLOCKS)
    assert "Report of a run" in (folder / "monday" / "report.html").read_text("utf-8")


def test_nothing_is_shown_in_clear(outputs: list[str]) -> None:
    assert not re.search(r"anna\.nowak\d+@|TM-10\d{3}4711|555 01\d\d", "\n".join(outputs))


def test_every_command_is_in_the_reference() -> None:
    assert all(re.search(rf"^exfilter {name}\b", "".join(BLOCKS), re.MULTILINE) for name in COMMANDS)


def test_every_line_of_squids_configuration_is_explained() -> None:
    section = README.read_text("utf-8").partition("\n## Behind Squid (ICAP)\n")[2].partition("\n## ")[0]
    lines = SQUID.read_text("utf-8").splitlines()
    wanted = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert {word for word in wanted if word not in section} == set()


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text("utf-8"))
    assert links
    assert all((README.parent / link).exists() for link in links)
