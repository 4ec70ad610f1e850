"""Text that is put together from pieces, with what stands between them settled late."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content.documents.rows import Rows
from exfilter.content.sandbox.found import Text


class Lines:
    """One text of a document. What follows a piece depends on what the document says after it."""

    def __init__(self, channel: str) -> None:
        """Collect for a channel (see ``found.Text``)."""
        self._rows = Rows(channel)
        self._after = ""
        self._begins = False

    def begin(self) -> None:
        """Let the next piece begin a record."""
        self.settle()
        self._begins = True

    def add(self, text: str, after: str) -> None:
        """Append a piece, and what is to follow it for now."""
        if self._begins:
            self.row(text)
            self._begins = False
        else:
            self._rows.add(self._after + text, begins=False)
        self._after = after

    def row(self, text: str) -> None:
        """Append a record that is whole."""
        self.settle()
        self._rows.add(text)
        self._after = "\n"

    def follow(self, after: str) -> None:
        """Let something else follow the last piece, if that is not settled."""
        if self._after:
            self._after = after

    def settle(self) -> None:
        """Write what follows the last piece."""
        if self._after:
            self._rows.add(self._after, begins=False)
            self._after = ""

    def pieces(self, *, last: bool = False) -> Iterator[Text]:
        """Yield what was collected, if it is enough or the `last` time."""
        if last:
            self.settle()
        yield from self._rows.pieces(last=last)
