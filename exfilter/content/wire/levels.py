"""Where records begin in nested values, whatever the format: the rule that JSON has (see ``jsontext``)."""

from __future__ import annotations

LEVELS = 512
"""Nesting that a walk follows."""


class Levels:
    """The open maps and arrays.

    Records are the maps, and the rows of plain values, in the outermost arrays, or the values of the top
    level where there are several.
    """

    def __init__(self) -> None:
        """Begin in front of the first value."""
        self._open = [(False, False)]
        """For each: is it an array, does it lie in a record?"""

    def begin(self, *, array: bool, holds: bool = False) -> bool:
        """Open one. Returns whether it is a record. `holds`: an array of maps or arrays is no row itself."""
        above, covered = self._open[-1]
        record = above and not covered and not (array and holds)
        self._push(array=array, covered=covered or record)
        return record

    def message(self, *, repeated: bool) -> bool:
        """Open one that says itself whether it is one of several. Returns whether it is a record."""
        covered = self._open[-1][1]
        self._push(array=False, covered=covered or repeated)
        return repeated and not covered

    def end(self) -> bool:
        """Close one. Returns whether a record, or a value of the top level, has ended."""
        _, covered = self._open.pop()
        top = len(self._open) == 1
        ended = top or (covered and not self._open[-1][1])
        if top:  # others may follow
            self._open[0] = (True, False)
        return ended

    def _push(self, *, array: bool, covered: bool) -> None:
        self._open.append((array, covered))
