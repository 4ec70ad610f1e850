"""What an engine is handed, and what it answers."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from exfilter.model import Findings, Reason
from exfilter.stores import Item


@dataclass(frozen=True, slots=True)
class Task:
    """A file to read, or a range of a large one."""

    number: int
    """The file's, in the run."""
    item: Item
    start: int = 0
    end: int = -1
    """Behind the last byte. -1: all of it is read."""

    @property
    def ranged(self) -> bool:
        """Whether it is a part of a file only."""
        return self.end >= 0

    @property
    def weight(self) -> int:
        """How much work it is: bytes."""
        return (self.end if self.ranged else self.item.size) - self.start


@dataclass(frozen=True, slots=True)
class Answer:
    """What a file or a range of it holds, before any policy."""

    findings: Findings | None
    """None: nothing of it could be read."""
    problem: str = ""
    """Why not."""
    reason: Reason = Reason.MALFORMED
    digest: bytes = b""
    """Of the content, keyed. Empty: it has none, or was not read."""
    seconds: float = 0.0
    passing: bool = False
    """Whether another try may read it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the worker died over this task, or was ended because it took too long."""

    reason: Reason


class Engine(Protocol):
    """Reads files in other processes, here or elsewhere."""

    def answers(
        self, tasks: Iterable[Task], *, alone: bool
    ) -> Generator[tuple[Task, Answer | Lost], None, None]:
        """Yield each task once with its answer, in any order; few of them are taken ahead.

        ``alone``: the task that a worker dies over must be known, however long all of them take.
        Raises ValueError or OSError where no worker can start.
        """
