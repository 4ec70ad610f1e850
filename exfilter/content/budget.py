"""What one transfer may cost, counted over everything inside it."""

from __future__ import annotations

from exfilter.content.sandbox.host import Sandbox
from exfilter.limits import Limits
from exfilter.model import Expired, Part, Reason, Unscanned

Item = Part | Unscanned
_FLOOR = 1 << 16
"""Characters of text below which views are not judged."""


class Cut(Exception):  # noqa: N818 - not an error of the program: a stream of bytes that ends early
    """Raised by a decoder, caught by :class:`exfilter.content.stream.Stream`, which keeps it."""

    def __init__(self, reason: Reason, left: int = 1) -> None:
        """Keep why the stream ended and how many bytes of it were not read."""
        super().__init__(reason.value)
        self.reason = reason
        self.left = max(1, left)


class Budget:
    """The one mutable account of a transfer. All readers charge it."""

    def __init__(self, limits: Limits, expired: Expired) -> None:
        """Open an account that nothing was charged to."""
        self.limits = limits
        self.late = False
        """The deadline passed: every reader stops, ``read`` reports it once."""
        self.position = 0
        """Bytes of the body that were handed to a reader."""
        self.passwords = limits.passwords
        """To try where something is encrypted."""
        self.sandbox = Sandbox(self.overdue)
        """Where parsers run that may crash, hang or blow up."""
        self._expired = expired
        self._out = 0
        self._parts = 0
        self._small = 0
        self._text = _FLOOR
        self._views = 0

    def overdue(self) -> bool:
        """Whether the deadline has passed. Once true it stays true."""
        self.late = self.late or self._expired()
        return self.late

    def part(self) -> bool:
        """Count a part. False: there are too many."""
        self._parts += 1
        return self._parts <= self.limits.parts

    def small(self) -> bool:
        """Count a small content that is to be opened by itself. False: there are too many."""
        self._small += 1
        return self._small <= self.limits.small

    def text(self, size: int) -> None:
        """Count characters of text: so much more may be spent on views of it."""
        self._text += size

    def view(self, size: int) -> bool:
        """Count the characters of a view. False: there are too many for the text."""
        self._views += size
        return self._views <= self.limits.views * self._text

    @property
    def full(self) -> bool:
        """Whether no part may be added."""
        return self._parts >= self.limits.parts

    def charge(self, size: int, taken: int, made: int) -> bool:
        """Count `size` new bytes of a decoder that made `made` of `taken`. False: too much."""
        self._out += size
        if self._out > self.limits.bytes_out:
            return False
        return made <= self.limits.ratio_floor or made <= self.limits.ratio * max(1, taken)
