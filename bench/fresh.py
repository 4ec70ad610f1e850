"""Run in a fresh process by the table ``opening``: prints what starting up takes, in seconds and bytes.

``python -m bench.fresh CONFIG [TEXT]``: with a text, 20 MB of it are scanned as well.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench import installed_first

MUCH = 20_000_000
PAGE = (
    "Dear Ms Miller, your ticket TM-21345678 is solved; call +1 201 555 0123 or write to a.b@example.com.\n"
    * 20
)


def memory(name: str) -> int:
    """Return one line of the process's sums over its memory maps, in bytes."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def main() -> None:
    """Import, open, scan, and print the figures as JSON."""
    installed_first()
    config, text = Path(sys.argv[1]), sys.argv[2:]
    began = time.perf_counter()
    from exfilter import kernel  # noqa: PLC0415 - this is what is measured
    from exfilter.index import keys  # noqa: PLC0415
    from exfilter.index.store import Index  # noqa: PLC0415

    imported = time.perf_counter()
    index = Index.open(config / "index", keys.load(config / "index.key"))
    opened = time.perf_counter()
    kernel.find(PAGE, index.tables)
    scanned = time.perf_counter()
    figures = {"imports": imported - began, "open": opened - imported, "first": scanned - opened}
    figures |= {"ready": scanned - began, "own": memory("Anonymous")}
    again = time.perf_counter()
    Index.open(config / "index", keys.load(config / "index.key"))
    figures["again"] = time.perf_counter() - again
    if text:
        with Path(text[0]).open(encoding="utf-8", errors="ignore") as stream:
            for _ in range(MUCH // 1_000_000):
                kernel.find(stream.read(1_000_000), index.tables)
        figures |= {"own later": memory("Anonymous"), "resident": memory("Rss")}
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    main()
