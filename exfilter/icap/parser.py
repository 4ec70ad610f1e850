"""One connection's requests, pulled out of its bytes: strict, total, and without I/O.

**Who writes what.** The framing of ICAP is the proxy's, and what is wrong with it is an error. What is
encapsulated is the sender's: nothing in it ever becomes an error here, because a proxy that is set to bypass
an engine in trouble would let it pass. It is handed on as it came, or dropped with a mark where it is too
large, and judged by others.
"""

from __future__ import annotations

import re
from dataclasses import replace

from exfilter.icap import heads
from exfilter.icap.bodies import Body
from exfilter.icap.events import Bounds, Data, End, Event, Head, Malformed, Preview
from exfilter.icap.heads import Layout

__all__ = ["Bounds", "Data", "End", "Event", "Head", "Malformed", "Parser", "Preview"]

BLANKS = 4
"""Empty lines before a request that are passed over (RFC 9112, section 2.2)."""
_ENDED = re.compile(rb"\n\r?\n\Z")


class Parser:
    """Feed it, then call ``next`` until it says None: so it never holds more than its bounds.

    A request is ``Head``, any number of ``Data``, at most one ``Preview`` among them, and ``End``, unless it
    is answered at its preview. What comes out is the same however the bytes are cut, apart from the sizes of
    ``Data``.
    """

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        """Begin between two requests."""
        self._bounds = bounds
        self._buffer = bytearray()
        self._closed = False
        self._broken: Malformed | None = None
        self._begun: Head
        self._layout = Layout()
        self._left = 0
        """Bytes of encapsulated heads that are still to be dropped."""
        self._tail = b""
        """Their last bytes."""
        self._begin()

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a next request has come."""
        return self._step == self._head and not self._buffer and self._broken is None

    @property
    def buffered(self) -> int:
        """Bytes in memory."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take some more bytes; none at all: the peer has closed."""
        self._closed |= not data
        if self._broken is None:
            self._buffer += data

    def next(self) -> Event | None:
        """Return what is next. None: more bytes are needed, or the preview has no answer.

        Raises Malformed, then and always after; also where the peer has closed within a request.
        """
        if self._broken is not None:
            raise Malformed(self._broken.status, str(self._broken))
        try:
            return self._next()
        except Malformed as error:
            self._broken = error
            self._buffer.clear()
            raise

    def go_on(self) -> None:
        """Read what is behind the preview: the peer is told to continue. Raises RuntimeError elsewhere."""
        self._waiting().go_on()

    def answered(self) -> None:
        """Forget what is behind the preview: the request has its answer, and what comes is another one.

        Raises RuntimeError elsewhere.
        """
        self._waiting()
        self._begin()

    def _waiting(self) -> Body:
        if self._body is None or not self._body.is_waiting:
            msg = "there is no preview that waits"
            raise RuntimeError(msg)
        return self._body

    def _begin(self) -> None:
        self._step = self._head
        self._blanks = 0
        self._seen = 0
        self._body: Body | None = None

    def _next(self) -> Event | None:
        found = self._step()
        while isinstance(found, Data) and self._layout.body == "opt-body":
            found = self._step()
        is_waiting = self._body is not None and self._body.is_waiting
        if found is None and self._closed and not self.is_idle and not is_waiting:
            raise Malformed(400, "the connection ends within a request")
        return found

    def _head(self) -> Event | None:
        self._pass_over()
        end = heads.end(self._buffer, self._seen, self._bounds)
        self._seen = len(self._buffer)
        if not end:
            return None
        self._begun, self._layout = heads.read(bytes(self._buffer[:end]), self._bounds)
        del self._buffer[:end]
        self._left, self._tail = self._layout.heads, b""
        is_large = self._left > self._bounds.http_head
        self._step = self._dropped if is_large else self._sections
        return self._step()

    def _pass_over(self) -> None:
        while self._buffer.startswith(b"\r\n") and self._blanks < BLANKS:
            del self._buffer[:2]
            self._blanks += 1
            self._seen = 0

    def _sections(self) -> Head | None:
        if len(self._buffer) < self._layout.heads:
            return None
        at, found = 0, []
        for name, size in self._layout.sizes:
            found.append((name, bytes(self._buffer[at : at + size])))
            _check_end(found[-1][1])
            at += size
        del self._buffer[:at]
        return self._headed(tuple(found))

    def _dropped(self) -> Head | None:
        gone = self._buffer[: self._left]
        del self._buffer[: len(gone)]
        self._left -= len(gone)
        self._tail = (self._tail + gone)[-4:]
        if self._left:
            return None
        _check_end(self._tail)
        return self._headed((), too_large=True)

    def _headed(self, sections: tuple[tuple[str, bytes], ...], *, too_large: bool = False) -> Head:
        head = replace(self._begun, sections=sections, too_large=too_large)
        if self._layout.body == "null-body":
            self._step = self._end
        else:
            self._body = Body(self._bounds, head.preview)
            self._step = self._take
        return head

    def _take(self) -> Event | None:
        found = self._body.take(self._buffer) if self._body else None
        if isinstance(found, End):
            self._begin()
        return found

    def _end(self) -> End:
        self._begin()
        return End()


def _check_end(head: bytes) -> None:
    # By the blank line the proxy knew where it ends, so without one the offset is wrong. Whether its lines
    # end as they should is the sender's doing, and not looked at.
    if not _ENDED.search(head):
        raise Malformed(400, "an encapsulated head does not end where it should")
