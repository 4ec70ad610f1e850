"""The bytes of a stream at hand, for a walk that goes through them value by value."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import CHUNK
from exfilter.content.stream import HEAD, Stream


class BrokenError(Exception):
    """The bytes are not what they began as."""

    def __init__(self, at: int, *, short: bool = False) -> None:
        """Keep the place in the window, and whether the bytes only ended too early."""
        super().__init__(at)
        self.at = at
        self.short = short


class Window:
    """A piece of a stream that moves along with a walk."""

    def __init__(self, stream: Stream) -> None:
        """Begin in front of the first byte."""
        self._stream = stream
        self.data = b""
        self.chars = ""
        """The same as Latin-1: to cut a text out of it is one step, where it is ASCII."""
        self.at = 0
        """Where a walk goes on in ``data``."""
        self.start = 0
        """Bytes of the stream before ``data``."""
        self.whole = False
        """Nothing follows ``data``."""

    def slide(self, at: int, need: int = HEAD) -> None:
        """Drop what stands before `at`, and get more until `need` bytes are there or the stream ends."""
        pieces = [self.data[at:]]
        have = len(pieces[0])
        while have < need and not self.whole:
            chunk = self._stream.take(CHUNK)
            self.whole = not chunk
            pieces.append(chunk)
            have += len(chunk)
        self.data = b"".join(pieces)
        self.chars = self.data.decode("latin-1")
        self.start += at
        self.at = 0

    def state(self) -> tuple[bytes, str, int, int]:
        """Return the bytes, the same as characters, the place, and how many they are."""
        return self.data, self.chars, self.at, len(self.data)

    def need(self, at: int, size: int) -> None:
        """Have `size` bytes from `at` on. Raises BrokenError where they are not."""
        self.at = at
        if at + size > len(self.data):
            self.slide(at)
            if size > len(self.data):
                raise BrokenError(0, short=True)

    def run(self, at: int, size: int) -> Iterator[bytes]:
        """Yield `size` bytes from `at` on, fewer where the stream ends. The walk goes on behind them."""
        piece = self.data[at : at + size]
        self.at = at + len(piece)
        while piece:
            yield piece
            size -= len(piece)
            piece = self._stream.take(min(size, CHUNK)) if size else b""
            if piece:
                self.start += self.at + len(piece)
                self.data, self.chars, self.at = b"", "", 0

    def reached(self, place: int) -> None:
        """Raise BrokenError where the stream has ended before a place in it."""
        if self.start + self.at < place:
            raise BrokenError(self.at, short=True)

    def rest(self, at: int) -> Iterator[bytes]:
        """Yield everything from `at` on."""
        yield from self.run(at, len(self.data) - at)
        yield from self._stream
