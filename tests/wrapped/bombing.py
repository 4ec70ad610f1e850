"""Examines every bomb in a process of its own, for a test that watches its memory from outside.

    python bombing.py FOLDER SECONDS

prints the name of a bomb before it and what came of it after, a line of JSON each.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent.parent))

from detectors.terms import Terms
from exfilter import policy
from exfilter.index.store import Index
from exfilter.limits import Limits
from exfilter.model import Transfer
from exfilter.scan import Engine, Pipeline
from tests.index import making
from tests.wrapped.clock import within


def main(folder: Path, seconds: float) -> None:
    """Examine the bombs of a folder: the bytes in a file, the headers in a JSON file beside it."""
    engine = Engine(Index.open(folder / "index", making.key()), Terms({}))
    pipeline = Pipeline(engine, policy.read(policy.default_policy_text().encode()), Limits())
    pipeline.examine(Transfer("scan", b"warm\n", name="x"))
    for file in sorted(folder.glob("*.bomb")):
        headers = tuple(map(tuple, json.loads(file.with_suffix(".json").read_text())))
        given = Transfer(
            "proxy" if headers else "scan", file.read_bytes(), name="" if headers else "x", headers=headers
        )
        print(json.dumps({"begins": file.stem}), flush=True)  # noqa: T201
        began = time.monotonic()
        verdict = pipeline.examine(given, within(seconds))
        result = {
            "name": file.stem,
            "seconds": time.monotonic() - began,
            "holds": verdict.action.holds,
            "reasons": sorted({item.reason.value for item in verdict.findings.unscanned}),
            "customers": verdict.findings.customers,
        }
        print(json.dumps(result), flush=True)  # noqa: T201


main(Path(sys.argv[1]), float(sys.argv[2]))
