"""What reading a format costs, from bytes to verdict, beside ``clamscan`` on the same files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median

from bench import clamav, lab, peers, wrapping
from bench.lab import Lab
from bench.measure import command, interleaved
from bench.results import Figure, Table
from exfilter.model import Transfer

KEYS = 20_000
"""Values that ClamAV has a signature for: exfilter has its whole index."""
COLUMNS = (
    "format",
    "file MB",
    "text MB",
    "reading MB/s",
    "verdict MB/s",
    "ClamAV MB/s",
    "× ClamAV",
    "left unread",
)


def measure(given: Lab) -> Table:
    """Write the same text in every format, and read it."""
    text = wrapping.lines(given.corpora.ordinary, wrapping.LINES)
    made = {
        name: (write(text[:count]), sum(map(len, text[:count])) / 1e6)
        for name, count, write in wrapping.formats()
    }
    others = _clamscan(given, {name: data for name, (data, _) in made.items()})
    rows = tuple(_row(given, name, data, size, others.get(name)) for name, (data, size) in made.items())
    notes = (
        "MB/s of the text that is in the file, by the clock: parsers run in processes of their own",
        "reading: from bytes to parts; verdict: with the search for customers and all that follows",
        f"ClamAV: {clamav.version() or clamav.MISSING}; {KEYS:,} signatures",
        "of ClamAV's time that of a scan of an empty file is subtracted: it loads the signatures anew",
        f"exfilter looks for {given.customers:,} customers by all their values",
        f"median of {max(3, given.repetitions)} runs",
    )
    return Table("formats", "Formats, one file after the other", COLUMNS, rows, notes)


def _row(given: Lab, name: str, data: bytes, size: float, other: float | None) -> tuple[Figure, ...]:
    some = Transfer(door="scan", body=data, name="file")
    runs = {
        "reading": lambda: sum(1 for _ in lab.parts(some)),
        "verdict": lambda: given.pipeline.examine(some).findings.unscanned_bytes,
    }
    times = interleaved(runs, max(3, given.repetitions))
    reading, verdict = (size / median(times[stage].wall) for stage in runs)
    theirs = size / other if other else None
    ratio = verdict / theirs if theirs else None
    return name, len(data) / 1e6, size, reading, verdict, theirs, ratio, times["verdict"].result


def _clamscan(given: Lab, made: Mapping[str, bytes]) -> dict[str, float]:
    """Return the seconds that ClamAV takes for each file."""
    if not clamav.version():
        return {}
    with tempfile.TemporaryDirectory(dir=given.data) as scratch:
        signatures = clamav.database(peers.plaintext(given.table, KEYS), Path(scratch, "signatures"))
        empty, file = Path(scratch, "empty"), Path(scratch, "file")
        empty.write_bytes(b"")

        def seconds(path: Path) -> float:
            run = partial(command, clamav.command(signatures, path), good=clamav.ENDS)
            return median(run().wall for _ in range(max(3, given.repetitions)))

        start = seconds(empty)
        taken = {}
        for name, data in made.items():
            file.write_bytes(data)
            taken[name] = max(1e-3, seconds(file) - start)
        return taken
