"""Bombs end inside the budget: the seconds that were given, 300 MB of memory, and the transfer is held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exfilter.index.build import Options, build
from fixtures.customers import write_csv
from fixtures.wrapped.bombs import BOMBS, Bomb
from tests.index import making

SECONDS = 6.0
"""That a door gives to a transfer."""
GRACE = 4.0
"""Until a step that had begun is over, on a machine that does other things too."""
MEMORY = 300_000_000
ROUND = 0.02
PATIENCE = 30.0
"""Seconds after which a bomb counts as one that never ends."""
SCRIPT = Path(__file__).with_name("bombing.py")


@dataclass
class Watched:
    """What came of the bombs, and the most memory that was held while each was read."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    now: str = ""
    since: float = 0.0

    def begins(self, name: str) -> None:
        self.now, self.since = name, time.monotonic()

    def watch(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            self.peaks[self.now] = max(self.peaks.get(self.now, 0), _memory(process.pid))
            if self.now and time.monotonic() - self.since > PATIENCE:
                process.kill()
            time.sleep(ROUND)

    def run(self, folder: Path) -> None:
        """Read the bombs that are left in a folder, as far as the first that does not end."""
        line = [sys.executable, "-P", str(SCRIPT), str(folder), str(SECONDS)]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
            watcher = threading.Thread(target=self.watch, args=(process,))
            watcher.start()
            for said in process.stdout or ():
                result = json.loads(said)
                self.begins(result.get("begins", ""))
                if "name" in result:
                    self.results[result["name"]] = result
                else:
                    (folder / f"{self.now}.bomb").rename(folder / f"{self.now}.begun")
            watcher.join()


def _memory(process: int) -> int:
    """Return the bytes that a process and its descendants hold; what they share counts once.

    The body is not counted twice: it is handed over as shared memory.
    """
    total = 0
    waiting = [process]
    while waiting:
        number = waiting.pop()
        try:
            lines = Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
            waiting += map(
                int, Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii").split()
            )
        except (OSError, StopIteration):  # it has ended meanwhile
            continue
    return total


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("bombs")
    write_csv(folder / "customers.csv", 1_000, 3)
    build(folder / "customers.csv", folder / "index", making.key(), Options())
    for bomb in BOMBS:
        (folder / f"{bomb.name}.bomb").write_bytes(bomb.make())
        (folder / f"{bomb.name}.json").write_text(json.dumps(bomb.headers))
    seen = Watched()
    while any(folder.glob("*.bomb")):
        left = len(list(folder.glob("*.bomb")))
        seen.run(folder)
        assert len(list(folder.glob("*.bomb"))) < left, "no bomb was begun"
    return seen


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
def test_a_bomb_ends_inside_the_budget(bomb: Bomb, watched: Watched) -> None:
    assert bomb.name in watched.results, "it never ended"
    result = watched.results[bomb.name]
    assert result["seconds"] < SECONDS + GRACE
    assert watched.peaks.get(bomb.name, 0) <= MEMORY
    assert result["holds"] or not bomb.held
    assert result["customers"] == 0
