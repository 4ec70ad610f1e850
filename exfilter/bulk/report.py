"""What a run leaves in its folder: results, a summary and a page.

Each replaces its earlier one when it is whole. An unfinished run leaves the same of the files that are
finished.
"""

from __future__ import annotations

from pathlib import Path

from exfilter.bulk import finished, page, parts, summary
from exfilter.bulk.replacing import replacing, replacing_folder
from exfilter.bulk.state import State

RESULTS = "results"
SUMMARY = "summary.json"
PAGE = "report.html"


def write(state: State, folder: Path, rows: int = parts.ROWS, listed: int = page.ROWS) -> None:
    """Write them: parts of so many rows, and a page that lists so many files at most."""
    with replacing_folder(folder / RESULTS) as into:
        parts.write(finished.rows(state), into, rows)
    with replacing(folder / SUMMARY) as out:
        counted = summary.write(state, out)
    with replacing(folder / PAGE) as out:
        page.write(state, counted, out, listed)
