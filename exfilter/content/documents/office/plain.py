"""Rows and shared strings as nearly every program writes them, taken out of a part by pattern.

What is left of the part is still well-formed and goes to the parser, so that nothing depends on the pattern:
what does not fit it, is read there. It is three times as fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_WAITING = 1 << 16
"""Bytes of an item that is cut by the end of a piece."""
_TEXT = '<t(?: xml:space="preserve")?+>([^<&]*+)</t>'
_CELL = (
    r'<c r="([A-Z]{1,3}+)\d{1,7}+"(?: s="\d{1,5}+")?+(?: t="([A-Za-z]{1,9}+)")?+'
    rf"(?:/>|>(?:<f>([^<&]*+)</f>)?+(?:<v>([^<&]*+)</v>|<is>{_TEXT}</is>)?+</c>)"
)
CELL = re.compile(_CELL)
_PLAIN_CELL = re.sub(r"\((?!\?)", "(?:", _CELL)
ROW = re.compile(rf"<row(?: [^<>&]{{0,200}})?+>((?:{_PLAIN_CELL})*+)</row>".encode())
ITEM = re.compile(f"<si>{_TEXT}</si>".encode())


class Sieve:
    """Takes items out of bytes that come in pieces."""

    def __init__(self, pattern: re.Pattern[bytes], end: bytes, take: Callable[[str], None]) -> None:
        """`end`: a word that stands only behind the last item; `take`: is given the first group."""
        self._pattern = pattern
        self._end = end
        self._take = take
        self._carry = b""

    def rest(self, data: bytes) -> Iterator[bytes]:
        """Yield what is no item, each piece before the items behind it are taken."""
        data = self._carry + data
        at = 0
        for found in self._pattern.finditer(data):
            try:
                text = found[1].decode()
            except UnicodeDecodeError:
                continue
            if found.start() > at:
                yield data[at : found.start()]
            at = found.end()
            self._take(text)
        self._carry = data[at:]
        if len(self._carry) > _WAITING or self._end in self._carry:
            yield self.last()

    def last(self) -> bytes:
        """Return what waits to be continued."""
        data, self._carry = self._carry, b""
        return data
