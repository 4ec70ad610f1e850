"""Bombs end inside the budget: seconds, and 300 MiB of memory for the door and those who read for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.content import bombs

MEMORY = 300
"""MiB."""


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[set[str], float, int]]:
    """Return what came of each bomb: reasons, seconds and MiB."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.content.bombs"], capture_output=True, text=True, check=True, timeout=300
    )
    lines = (line.split("|") for line in ran.stdout.splitlines())
    return {name: (set(said.split("+")), float(seconds), int(peak)) for name, said, seconds, peak in lines}


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_a_bomb_is_over_budget_in_time_and_memory(
    name: str, told: dict[str, tuple[set[str], float, int]]
) -> None:
    reasons, seconds, peak = told[name]
    assert "over-budget" in reasons or name == "60,000 entries"
    assert "deadline" not in reasons
    assert seconds < 60
    assert peak + told["children"][2] < MEMORY
