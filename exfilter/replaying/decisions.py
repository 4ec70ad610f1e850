"""What a replay says of each transfer, and of what it could not read."""

from __future__ import annotations

from dataclasses import dataclass

from exfilter.captures import Captured, Unread
from exfilter.replaying.side import Decided

__all__ = ["Decision", "Gap", "Unread"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What would have become of one transfer of a capture."""

    path: str
    """The capture, and the place in it."""
    captured: Captured
    """Without its body."""
    time: float
    """The capture's; of what has none, that of the transfer before. Seconds since the epoch."""
    sides: tuple[Decided, ...]
    """As it is; with another policy or index, as it would be then."""
    customer_ids: tuple[str, ...]
    estimated_ids: tuple[str, ...]

    @property
    def now(self) -> Decided:
        """With the folder's own policy and index."""
        return self.sides[0]

    @property
    def after(self) -> Decided:
        """With the policy and the index that are looked at: the other ones where there are any."""
        return self.sides[-1]

    @property
    def is_changed(self) -> bool:
        """Whether something else would become of it."""
        return self.now.verdict.action != self.after.verdict.action or self.now.held != self.after.held


@dataclass(frozen=True, slots=True)
class Gap:
    """A place of a capture, or a whole one, that could not be read."""

    path: str
    why: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.path}: {self.why}"
