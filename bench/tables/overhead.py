"""What plain text pays for everything that may be hidden: sniffing, structure, escapes, encodings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench import lab
from bench.lab import Lab
from bench.measure import interleaved
from bench.results import Figure, Table
from exfilter.body import whole
from exfilter.limits import Limits
from exfilter.model import Part, Transfer

SIZE = 16_000_000
"""Bytes of each text."""
TARGET = "15 %"
COLUMNS = "text", "MB", "kernel on bare text MB/s", "content and kernel MB/s", "overhead", "views", "target"


def measure(given: Lab) -> Table:
    """Compare the kernel on text that is only decoded with the kernel on what content makes of it."""
    rows: list[tuple[Figure, ...]] = []
    for name, file in (("ordinary text", given.corpora.ordinary), ("API traffic", given.corpora.traffic)):
        with file.open("rb") as stream:
            data = stream.read(SIZE)
        some = Transfer(door="scan", body=data[: data.rfind(b"\n") + 1], name="text")
        variants: dict[str, Callable[[], int]] = {
            "bare": lambda some=some: lab.find(_bare(some), given.pipeline),  # type: ignore[misc]
            "content": partial(_through_content, given, some),
        }
        times = interleaved(variants, given.repetitions)
        bare, whole = times["bare"].seconds, times["content"].seconds
        size = len(some.body) / 1e6
        views = sum(len(part.text) for part in lab.parts(some)) / len(some.body) - 1
        rows.append(
            (name, size, size / bare, size / whole, f"{whole / bare - 1:.1%}", f"{views:.1%}", TARGET)
        )
    notes = (
        f"{given.repetitions} repetitions, interleaved; median of the thread's CPU time",
        "bare: UTF-8 decoded and cut into slices",
        "views: text that is read twice, because escapes were undone in it",
    )
    return Table("overhead", "What plain text pays", COLUMNS, tuple(rows), notes)


def _bare(some: Transfer) -> list[Part]:
    text = whole(some.body).decode(errors="replace")
    size = Limits().slice_bytes
    return [Part(("text",), text[start : start + size]) for start in range(0, len(text), size)]


def _through_content(given: Lab, some: Transfer) -> int:
    return lab.find(list(lab.parts(some)), given.pipeline)
