"""The chunks of an encapsulated body (RFC 3507, section 4.5; RFC 9112, section 7.1), as they come."""

from __future__ import annotations

import re

from exfilter.icap.events import Bounds, Data, End, Malformed, Preview

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;([^\x00\r]*))?")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BLANK = b"\r\n"


class Body:
    """One body. Takes what it can use out of the front of a buffer, and never waits for a whole chunk."""

    def __init__(self, bounds: Bounds, preview: int | None) -> None:
        """Begin at the first line; ``preview``: bytes that may come before the peer waits."""
        self._bounds = bounds
        self._room = preview
        """Bytes that the preview may still have. None: there is none, or it is over."""
        self._left = 0
        """Bytes of the chunk that are to come."""
        self._seen = 0
        """Bytes of the buffer in which there is no end of the trailers."""
        self._too_large = False
        self._step = self._line

    @property
    def is_waiting(self) -> bool:
        """Whether the preview is over and has no answer."""
        return self._step == self._wait

    def take(self, buffer: bytearray) -> Data | Preview | End | None:
        """Return what is next. None: more bytes are needed, or the preview has no answer.

        Raises Malformed.
        """
        return self._step(buffer)

    def go_on(self) -> None:
        """Read what is behind the preview."""
        self._room = None
        self._step = self._line

    def _line(self, buffer: bytearray) -> Data | Preview | End | None:
        end = buffer.find(b"\n", 0, self._bounds.line)
        if end < 0 and len(buffer) >= self._bounds.line:
            raise Malformed(400, "the line of a chunk's size is too long")
        if end < 0:
            return None
        size, is_last = _size(bytes(buffer[: end + 1]))
        del buffer[: end + 1]
        if size > self._bounds.chunk:
            raise Malformed(400, "a chunk is too large")
        return self._chunk(buffer, size) if size else self._zero(buffer, is_last=is_last)

    def _chunk(self, buffer: bytearray, size: int) -> Data | None:
        if self._room is not None:
            self._room -= size
            if self._room < 0:
                raise Malformed(400, "the preview is longer than announced")
        self._left = size
        self._step = self._data
        return self._data(buffer)

    def _zero(self, buffer: bytearray, *, is_last: bool) -> Preview | End | None:
        if is_last and self._room is None:
            raise Malformed(400, "ieof stands outside a preview")
        self._step = self._trailers if is_last or self._room is None else self._pause
        return self._step(buffer)

    def _data(self, buffer: bytearray) -> Data | None:
        if not buffer:
            return None
        with memoryview(buffer)[: self._left] as view:
            piece = bytes(view)
        del buffer[: len(piece)]
        self._left -= len(piece)
        if not self._left:
            self._step = self._after
        return Data(piece)

    def _after(self, buffer: bytearray) -> Data | Preview | End | None:
        if not _has_blank(buffer, "a chunk is longer than its size"):
            return None
        self._step = self._line
        return self._line(buffer)

    def _pause(self, buffer: bytearray) -> Preview | None:
        if not _has_blank(buffer, "there is something behind a preview that is not over"):
            return None
        self._step = self._wait
        return Preview()

    def _wait(self, buffer: bytearray) -> None:
        if len(buffer) > self._bounds.ahead:
            raise Malformed(400, "much came behind a preview that was not answered")

    def _trailers(self, buffer: bytearray) -> End | None:
        if len(buffer) < len(_BLANK):
            return None
        if not self._too_large and buffer.startswith(_BLANK):
            del buffer[: len(_BLANK)]
            return End()
        found = buffer.find(b"\r\n\r\n", max(0, self._seen - 3))
        self._too_large |= (found if found >= 0 else len(buffer) - 3) > self._bounds.trailers - 2
        if found < 0:
            self._keep(buffer)
            return None
        raw = b"" if self._too_large else bytes(buffer[: found + 2])
        del buffer[: found + 4]
        return End(raw, self._too_large)

    def _keep(self, buffer: bytearray) -> None:
        if self._too_large:
            del buffer[:-3]
        self._seen = len(buffer)


def _size(line: bytes) -> tuple[int, bool]:
    """Return the bytes of a chunk, and whether its line says that the body ends within the preview."""
    parts = _SIZE.fullmatch(line, 0, len(line) - 2)
    if parts is None or not line.endswith(_BLANK):
        raise Malformed(400, "the line of a chunk's size is none")
    extensions = _QUOTED.sub(b"", parts[2] or b"").split(b";")
    return int(parts[1], 16), any(each.strip(b" \t").lower() == b"ieof" for each in extensions)


def _has_blank(buffer: bytearray, otherwise: str) -> bool:
    """Take a CRLF. False: it is not here yet. Raises Malformed where something else is."""
    if not _BLANK.startswith(buffer[: len(_BLANK)]):
        raise Malformed(400, otherwise)
    if len(buffer) < len(_BLANK):
        return False
    del buffer[: len(_BLANK)]
    return True
