"""Exact matching on raw bytes: Aho and Corasick's automaton over the values in plain text."""

from __future__ import annotations

from collections.abc import Iterable

import ahocorasick


def automaton(values: Iterable[str]) -> ahocorasick.Automaton:
    """Return the automaton of these values, as bytes. It knows characters only: a byte is one of Latin-1."""
    made = ahocorasick.Automaton()
    for number, value in enumerate(values):
        made.add_word(value.encode().decode("latin-1"), number)
    made.make_automaton()
    return made


def matches(made: ahocorasick.Automaton, data: bytes) -> set[int]:
    """Return the numbers of the values that stand in these bytes."""
    return {number for _, number in made.iter(data.decode("latin-1"))}
