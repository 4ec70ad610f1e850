"""The examples of how to run it: what they say exists, and fits the settings."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from ruamel.yaml import YAML

from exfilter import settings
from exfilter.cli import icap, proxy
from fixtures.farend import certify
from fixtures.squid import BINARY, COMPANY, Squid, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parent.parent / "examples"
BEHIND_SQUID = EXAMPLES / "icap"
UNIT, IMAGE = EXAMPLES / "exfilter-proxy.service", EXAMPLES / "Containerfile"


def unit() -> dict[str, str]:
    text = UNIT.read_text("utf-8").replace("\\\n", " ")
    return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Za-z]+=", line))


def instruction(name: str) -> list[str]:
    """Return the last list of words that an instruction of the Containerfile gives."""
    text = IMAGE.read_text("utf-8").replace("\\\n", " ")
    found: list[str] = json.loads(re.findall(rf"^{name} (\[.*\])$", text, re.MULTILINE)[-1])
    return found


def options(door: Callable[..., None] = proxy.proxy) -> set[str]:
    app = typer.Typer()
    app.command()(door)
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


@pytest.mark.parametrize("script", ["demo.py", "behind_squid.py"])
def test_the_demonstration_runs_to_its_end(script: str) -> None:
    demo = subprocess.run(
        [sys.executable, EXAMPLES / script], capture_output=True, text=True, timeout=240, check=False
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "each as it must" in demo.stdout


def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(BEHIND_SQUID / "compose.yaml")["services"]
    return found


def parsed(file: Path) -> list[str]:
    """Return what Squid finds wrong with a file."""
    done = subprocess.run(
        [BINARY, "-k", "parse", "-f", file], capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert "Processing: icap_service exfilter reqmod_precache" in said
    wrong = [line for line in said.splitlines() if re.search("ERROR|WARNING|FATAL|BUG|obsolete", line)]
    return [*wrong, *([f"ended with {done.returncode}"] if done.returncode else [])]


def test_squid_finds_no_mistake_in_its_configurations(tmp_path: Path) -> None:
    certify(tmp_path, tmp_path / "ca.pem")
    file = Squid(tmp_path / "ca.pem", "icap://127.0.0.1:1344/reqmod").furnish(tmp_path)
    assert parsed(file) == []
    contained = tmp_path / "container.conf"
    text = (BEHIND_SQUID / "container.conf").read_text("utf-8")
    contained.write_text(replaced(text, {"/etc/squid/squid.conf": str(file)}))
    assert parsed(contained) == []


def test_the_containers_behind_squid_fit_each_other() -> None:
    found = services()
    shared = {name for name, service in found.items() if service.get("network_mode") == "service:network"}
    assert shared == set(found) - {"network"}
    command = found["exfilter"]["command"]
    given = dict(word.removeprefix("--").split("=") for word in command[1:])
    assert {f"--{name}" for name in given} <= options(icap.icap)
    assert f"icap://{given['listen']}/reqmod" == COMPANY
    assert f"http://{given['status']}/healthz" in IMAGE.read_text("utf-8")
    assert f"exfilter:{given['config']}" in found["exfilter"]["volumes"]
    assert "./squid:/etc/squid/exfilter:ro" in found["squid"]["volumes"]
    assert found["network"]["ports"] == ["3128:3128"]
