"""What ``make bench`` measures: invented customers, texts to scan, peers, and a table for each claim."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def installed_first() -> None:
    """Look for modules in the checkout last, so that the exfilter that is installed is measured.

    ``python -m`` looks into the working directory first, and a checkout has no compiled kernel.
    What ``PYTHONPATH`` names still comes before what is installed.
    """
    if sys.path and Path(sys.path[0]).resolve() == ROOT:
        sys.path.append(sys.path.pop(0))
