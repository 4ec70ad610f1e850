"""Rows, messages and the like, joined to pieces of text that are worth to be sent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exfilter.content.sandbox.found import Text

_WORTH = 1 << 16
"""Characters of a piece."""


class Rows:
    """Collects the records of one text."""

    def __init__(self, channel: str = "") -> None:
        """Collect for a channel (see ``found.Text``)."""
        self._channel = channel
        self._texts: list[str] = []
        self._records: list[int] = []
        self._size = 0

    def add(self, text: str, *, begins: bool = True) -> None:
        """Append text that `begins` a record, or goes on with the last one."""
        if begins:
            self._records.append(self._size)
        self._texts.append(text)
        self._size += len(text)

    def pieces(self, *, last: bool = False) -> Iterator[Text]:
        """Yield what was collected, if it is enough or the `last` time."""
        if self._size and (last or self._size >= _WORTH):
            records = np.array(self._records, dtype=np.int64) if self._records else None
            yield Text("".join(self._texts), self._channel, records)
            self._texts, self._records, self._size = [], [], 0
