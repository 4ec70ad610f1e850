"""What RTF says, in the order in which it says it: the flow, the rows of tables, and all beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exfilter.content.sandbox.found import Text

_BATCH = 1 << 18
_LONGEST = 1 << 20
"""Characters of a line or row that is not ended."""


class _Line:
    """Text that comes in bytes of changing code pages and in Unicode."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._codec = ""
        self._pieces: list[str] = []
        self.size = 0

    def add(self, data: bytes, codec: str) -> None:
        """Append bytes. A character can begin in one call and end in the next."""
        if codec != self._codec:
            self._decode()
            self._codec = codec
        self._bytes += data
        self.size += len(data)

    def char(self, text: str) -> None:
        """Append text."""
        self._decode()
        self._pieces.append(text)
        self.size += 1

    def take(self) -> str:
        """Return what was added, and begin anew."""
        self._decode()
        text = "".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        if text.isascii():
            return text
        # Characters beyond 16 bits are written as two.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _decode(self) -> None:
        if self._bytes:
            self._pieces.append(self._bytes.decode(self._codec, "replace"))
            self._bytes.clear()


class Flow:
    """Puts paragraphs, cells and rows together."""

    def __init__(self) -> None:
        """Begin outside of tables."""
        self.table = False
        """Paragraphs belong to a table."""
        self._line, self._aside = _Line(), _Line()
        self._cells: list[str] = []
        self._texts: dict[str, list[str]] = {"": [], "rows": [], "asides": []}
        self._size = 0

    def add(self, data: bytes, codec: str, *, shown: bool) -> None:
        """Append bytes."""
        (self._line if shown else self._aside).add(data, codec)

    def char(self, text: str, *, shown: bool) -> None:
        """Append text."""
        (self._line if shown else self._aside).char(text)

    def aside(self) -> None:
        """End something that is not shown."""
        if self._aside.size:
            self._keep("asides", self._aside.take() + "\n")

    def paragraph(self) -> None:
        """End a paragraph."""
        if self.table:
            self._cells.append(self._line.take() + "\n")
        else:
            self._keep("", self._line.take() + "\n")

    def cell(self) -> None:
        """End a cell."""
        self._cells.append(self._line.take() + "\t")

    def row(self) -> None:
        """End a row."""
        row = "".join([*self._cells, self._line.take()])
        self._cells.clear()
        if row:
            self._keep("rows", row + "\n")

    @property
    def full(self) -> bool:
        """Whether there is enough to be handed on."""
        return self._size > _BATCH or max(self._line.size, self._aside.size, len(self._cells)) > _LONGEST

    def texts(self, *, last: bool) -> Iterator[Text]:
        """Yield what was put together, with what is not ended yet if it is the `last` time."""
        if last or self._line.size > _LONGEST:
            self.table = False
            self.paragraph()
        if last or self._aside.size > _LONGEST:
            self.aside()
        if last or len(self._cells) > _LONGEST:
            self.row()
        self._size = 0
        for channel, held in self._texts.items():
            if held:
                starts = np.cumsum([0, *map(len, held[:-1])], dtype=np.int64)
                yield Text("".join(held), channel, starts if channel == "rows" else None)
            held.clear()

    def _keep(self, channel: str, text: str) -> None:
        self._texts[channel].append(text)
        self._size += len(text)
