"""The texts that the cells of a workbook share, in one buffer: a million of them fit into a parser."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

ROOM = 64 << 20
"""Bytes that are taken for them."""
_ENTRY = 9
_LONG = 1 << 10
"""Bytes of a text that is put into one cell only: a reference to it takes twenty."""
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """Undo the escapes of ST_Xstring (ECMA-376-1, 22.9.2.19)."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class Strings:
    """Texts by their number."""

    def __init__(self) -> None:
        """Begin with none."""
        self._data = bytearray()
        self._ends = array("L", [0])
        self._used = bytearray()
        self._full = False

    def add(self, text: str) -> bool:
        """Append a text. False: there is no room for it, nor for those behind it."""
        data = text.encode("utf-8", "replace")
        self._full = self._full or len(self._data) + len(data) + _ENTRY * len(self._ends) > ROOM
        if not self._full:
            self._data += data
            self._ends.append(len(self._data))
            self._used.append(0)
        return not self._full

    def text(self, number: str) -> str:
        """Return the text of a number as it is written; what is no such number, as it is."""
        try:
            index = int(number)
            start, end = self._ends[index], self._ends[index + 1]
        except (ValueError, IndexError):
            return number
        if index < 0:
            return number
        if end - start > _LONG and self._used[index]:
            return ""
        self._used[index] = 1
        return self._data[start:end].decode()

    def unused(self) -> Iterator[str]:
        """Yield the texts that no cell has."""
        index = self._used.find(0)
        while index >= 0:
            yield self._data[self._ends[index] : self._ends[index + 1]].decode()
            index = self._used.find(0, index + 1)
