"""What is tested is what the wheel installs, and the wheel holds what belongs there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import files
from pathlib import Path

import pytest

import addons
import detectors
import exfilter

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("package", [addons, detectors, exfilter])
def test_the_installed_package_is_tested_and_not_the_checkout(package: object) -> None:
    place = Path(str(package.__file__))  # type: ignore[attr-defined]
    assert "site-packages" in place.parts


def test_the_wheel_holds_every_module_and_nothing_else() -> None:
    installed = {str(file) for file in files("exfilter") or () if ".dist-info" not in str(file)}
    modules = {
        str(file.relative_to(ROOT))
        for room in ("addons", "detectors", "exfilter")
        for pattern in ("*.py", "*.pyi", "py.typed", "*.html", "*.css", "*.svg", "*.js")
        for file in (ROOT / room).rglob(pattern)
    }
    extra = {name for name in installed - modules if "__pycache__" not in name and not name.startswith("..")}
    assert modules <= installed
    assert {Path(name).suffix for name in extra} <= {".so", ".pyd"}


def test_the_licence_is_shipped() -> None:
    assert any(str(file).endswith("LICENSE") for file in files("exfilter") or ())


def test_without_a_compiler_it_installs_and_says_that_the_reference_kernel_runs(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("addons", "detectors", "exfilter"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__")
        )
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, "-w", str(tmp_path), str(source)],
        check=True,
        env=os.environ | {"CC": "/bin/false"},
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    say = "from exfilter.cli import main; import sys; sys.argv = ['exfilter', '--version']; main()"
    said = subprocess.run(
        [sys.executable, "-c", say],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "kernel reference" in said.stdout
