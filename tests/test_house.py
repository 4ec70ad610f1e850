"""What is tested is what the wheel installs, and the wheel holds what belongs there."""

from __future__ import annotations

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
        for pattern in ("*.py", "*.pyi", "py.typed")
        for file in (ROOT / room).rglob(pattern)
    }
    extra = {name for name in installed - modules if "__pycache__" not in name and not name.startswith("..")}
    assert modules <= installed
    assert {Path(name).suffix for name in extra} <= {".so", ".pyd"}


def test_the_licence_is_shipped() -> None:
    assert any(str(file).endswith("LICENSE") for file in files("exfilter") or ())
