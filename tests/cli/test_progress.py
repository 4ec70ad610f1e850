"""How far a run is, where nobody looks at a terminal."""

from __future__ import annotations

import io
import time

from exfilter.bulk.state import Totals
from exfilter.cli.progress import shown
from exfilter.limits import MIB


def test_without_a_terminal_lines_say_how_far_how_fast_and_how_long() -> None:
    out = io.StringIO()
    with shown(out, every=1e-9) as told:
        told.listed(4, 0)
        told.begin(Totals(4, 8 * MIB, 1, 2 * MIB))
        for _ in range(3):
            time.sleep(0.01)
            told.scanned(1, 2 * MIB)
        told.writing()
    first, *scanned, last = out.getvalue().splitlines()
    assert (first, last) == ("exfilter: 4 files listed", "exfilter: writing the report")
    assert scanned[0] == "exfilter: 2 files scanned, 4 of 8 MiB"
    assert scanned[2].startswith("exfilter: 4 files scanned, 8 of 8 MiB, ")
    assert scanned[2].endswith(" MiB/s, 0:00:00 left")


def test_the_first_line_comes_when_it_is_due() -> None:
    out = io.StringIO()
    with shown(out) as told:
        told.listed(1, 0)
        told.writing()
    assert out.getvalue() == ""
