"""The examples of how to run it: what they say exists, and fits the settings."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from exfilter import settings
from exfilter.cli import proxy

EXAMPLES = Path(__file__).parent.parent / "examples"
UNIT, IMAGE = EXAMPLES / "exfilter-proxy.service", EXAMPLES / "Containerfile"


def unit() -> dict[str, str]:
    text = UNIT.read_text("utf-8").replace("\\\n", " ")
    return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Za-z]+=", line))


def instruction(name: str) -> list[str]:
    """Return the last list of words that an instruction of the Containerfile gives."""
    text = IMAGE.read_text("utf-8").replace("\\\n", " ")
    found: list[str] = json.loads(re.findall(rf"^{name} (\[.*\])$", text, re.MULTILINE)[-1])
    return found


def options() -> set[str]:
    app = typer.Typer()
    app.command()(proxy.proxy)
    command = typer.main.get_command(app)
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize(
    "line",
    [shlex.split(unit()["ExecStart"]), [*instruction("ENTRYPOINT"), *instruction("CMD")]],
    ids=["unit", "image"],
)
def test_a_command_names_options_that_there_are(line: list[str]) -> None:
    assert Path(line[0]).name == "exfilter"
    assert line[1] == "proxy"
    assert {word for word in line if word.startswith("--")} <= options()


def test_a_stop_waits_longer_than_a_transfer_may_take() -> None:
    deadline = settings.Settings(folder=Path()).deadline
    assert int(unit()["TimeoutStopSec"]) > deadline
    stop = re.search(r"--stop-timeout (\d+)", IMAGE.read_text("utf-8"))
    assert stop
    assert int(stop[1]) > deadline


def test_the_configuration_folder_can_be_written_and_nothing_else() -> None:
    found = unit()
    folder = shlex.split(found["ExecStart"])[shlex.split(found["ExecStart"]).index("--config") + 1]
    assert (found["ProtectSystem"], found["ReadWritePaths"]) == ("strict", folder)
    assert (found["NoNewPrivileges"], found["LimitCORE"]) == ("yes", "0")
    assert f"VOLUME {folder}" in IMAGE.read_text("utf-8")


def test_the_image_is_probed_where_the_door_answers() -> None:
    command = instruction("CMD")
    address = command[command.index("--status") + 1]
    text = IMAGE.read_text("utf-8")
    assert f"http://{address}/healthz" in text
    assert "USER exfilter" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_mistake_in_the_unit(tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text("utf-8").replace("/opt/exfilter/bin/exfilter", "/bin/true"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(installed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_demonstration_runs_to_its_end() -> None:
    demo = subprocess.run(
        [sys.executable, EXAMPLES / "demo.py"], capture_output=True, text=True, timeout=120, check=False
    )
    assert demo.returncode == 0, demo.stderr
    assert "each as it must" in demo.stdout
