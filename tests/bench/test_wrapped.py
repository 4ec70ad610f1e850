"""The peers of the wrapped files: what they are told to look for, and what they are credited with."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import clamav, plain, wrapping
from bench.measure import command
from bench.tables.recall import _bearers, _raw
from fixtures.customers import customers
from fixtures.wrapped.archives import zipped
from fixtures.wrapped.made import Deck, export

PEOPLE = list(customers(60, 3))
VALUES = ("ann@example.com", "Jürgen Groß", "TM-30000123")


def test_every_value_that_stands_in_raw_bytes_is_found() -> None:
    made = plain.automaton(VALUES)
    assert plain.matches(made, "<Jürgen Groß> ANN@example.com, TM-300001234".encode()) == {1, 2}
    assert plain.matches(made, "Jürgen Groß".encode("latin-1")) == set()


def test_raw_bytes_are_credited_with_whoever_bears_a_value() -> None:
    some = Deck(PEOPLE, "x", 1).file("a.csv", export(PEOPLE[:20]), PEOPLE[:20])
    found = _raw(_bearers(PEOPLE), [some])["x a.csv"]
    assert some.expected <= found


def test_matches_are_read_from_what_the_scanner_prints() -> None:
    said = "/a/7: v12.UNOFFICIAL FOUND\n/a/7: v3.UNOFFICIAL FOUND\n/a/b: c: Heuristics.X FOUND\n/a/8: OK\n"
    assert clamav.matches(said) == {"7": {12, 3}}


@pytest.mark.skipif(not clamav.version(), reason=clamav.MISSING)
def test_the_scanner_opens_archives_and_names_every_value(tmp_path: Path) -> None:
    signatures = clamav.database(VALUES, tmp_path / "signatures")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "0").write_bytes(zipped({"a.txt": f"{VALUES[0]}\n{VALUES[1]}\n".encode()}))
    (folder / "1").write_text("nothing")
    said = command(clamav.command(signatures, folder), keep=True, good=clamav.ENDS).output
    assert clamav.matches(said) == {"0": {0, 1}}


@pytest.mark.parametrize("made", list(wrapping.formats()), ids=lambda made: made[0])
def test_every_format_can_be_written(made: tuple[str, int, object]) -> None:
    _, _, write = made
    assert callable(write)
    assert len(write([f"line {n} of {{text}} <here> & there \\" for n in range(20)])) > 100
