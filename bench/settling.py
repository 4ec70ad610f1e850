"""Run in a fresh process by the table ``shares``: what the driver of a run does beside all reading.

``python -m bench.settling CONFIG RUN FILES``: so many files are listed that are nowhere, and an engine
answers at once that nobody is in them. Prints seconds, and bytes, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import installed_first

installed_first()

from exfilter.bulk.run import Run  # noqa: E402 - once it is settled which exfilter is measured
from exfilter.bulk.state import FILE, State  # noqa: E402
from exfilter.bulk.tasks import Answer, Task  # noqa: E402
from exfilter.cli.formats import Wishes  # noqa: E402
from exfilter.cli.scan import open_examiner  # noqa: E402
from exfilter.cli.shares import Settling  # noqa: E402
from exfilter.model import Findings  # noqa: E402
from exfilter.stores import Item  # noqa: E402

LEFT = 100
"""Files that a run has left when it is resumed."""
SIZE = 4096


@dataclass(slots=True)
class Prompt:
    """An engine that answers at once, until it has answered so many."""

    left: int
    began: float = 0.0
    """When the first file was to be read."""

    def answers(self, tasks: Iterable[Task], *, alone: bool) -> Generator[tuple[Task, Answer], None, None]:
        """Yield each task with the answer that nobody is in it."""
        del alone
        nobody = np.zeros(0, dtype=np.int64)
        found = Findings(nobody, 0, nobody, {}, {}, (), SIZE)
        for task in tasks:
            self.began = self.began or time.perf_counter()
            if not self.left:
                return
            self.left -= 1
            yield task, Answer(found, digest=task.number.to_bytes(64), seconds=0.001)


def invented(files: int) -> Iterator[Item]:
    """Yield items, 1000 in a folder."""
    for number in range(files):
        key = f"department {number // 50_000:03}/team {number // 1000:05}/minutes of {number:09}.txt"
        yield Item("/srv/share/", key, SIZE, f"1760000000000000000-{number}", "nobody")


def main() -> None:
    """List, settle, resume, and print what each took."""
    config, folder, files = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    settling = Settling(open_examiner(config, Wishes()))
    pipeline = settling.examiner.pipeline
    with closing(State(folder)) as state:
        began = time.perf_counter()
        for _ in state.list((item, ()) for item in invented(files)):
            pass
        listed = time.perf_counter()
        engine = Prompt(files - LEFT)
        state.judged_by(pipeline.engine.versions(pipeline.policy.digest))
        wall, cpu = time.perf_counter(), time.process_time()
        Run(state, engine, settling).go()
        figures = {"listed": listed - began, "settled": time.perf_counter() - wall}
        figures["cpu"] = time.process_time() - cpu
    began = time.perf_counter()
    with closing(State(folder)) as state:
        state.totals()
        engine = Prompt(LEFT)
        Run(state, engine, settling).go()
    figures["resumed"] = engine.began - began
    figures["state"] = (folder / FILE).stat().st_size
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    main()
