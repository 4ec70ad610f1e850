"""Reading a table with the native modules and without them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from exfilter.index import columns, native
from exfilter.index.build import Options, build
from exfilter.index.intake import Intake
from exfilter.index.learning import learn
from exfilter.index.opening import open_table
from exfilter.index.report import Report
from tests.index.making import key

needs_native = pytest.mark.skipif(native.rows is None, reason="the native modules are not built")


class Built(NamedTuple):
    """An index, file by file, and the report of its build."""

    files: dict[str, bytes]
    report: Report


def built(table: Path, folder: Path, options: Options) -> Built:
    """Build an index anew."""
    report = build(table, folder, key(), options)
    files = {file.name: file.read_bytes() for file in (folder / report.index).glob("*.npy")}
    return Built(files, report)


def built_without_native(table: Path, folder: Path, options: Options) -> Built:
    """Build an index as where no compiler was at hand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "rows", None)
        patch.setattr(native, "tags", None)
        return built(table, folder, options)


def slow_rows(table: Path, folder: Path, region: str = "") -> int:
    """Return how many rows Python reads once everything is known that can be learnt from them."""
    opened = open_table(table)
    used = columns.recognise(opened.columns)
    templates = learn(opened, used, 1, lambda _: None)
    with Intake(opened, used, templates, region, key(), folder, 1 << 20) as intake:
        intake.read(1, lambda _: None)
        before = intake.slow
        intake.read(1, lambda _: None)
        return intake.slow - before
