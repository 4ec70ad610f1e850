"""What a scan prints: one result a file, in one of several formats, one module each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exfilter.model import Action, Judgement, Unscanned
from exfilter.spelled import printable

__all__ = ["Format", "Result", "Seen", "Weighed", "Wishes", "printable"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One place where a customer was found."""

    part: str
    kind: str
    text: str
    """Masked, unless the user asked for the values."""
    customer_id: str
    """Of the first customer who has the value."""
    bearers: int
    """How many customers have it."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """Why a customer counts as identified."""

    customer_id: str
    bits: float
    needed: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one file."""

    path: str
    """As it was named or found. ``-`` is standard input."""
    action: Action
    rule: str
    reason: str
    held: bool
    """Whether it would be held for what was found in it, not only for what could not be read."""
    customers: int
    identified: int
    estimated: int
    customer_ids: tuple[str, ...]
    estimated_ids: tuple[str, ...]
    fields: Mapping[str, int]
    unscanned: tuple[Unscanned, ...]
    bytes: int
    seconds: float
    seen: tuple[Seen, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    """Empty unless asked for, as is ``weighed``."""
    weighed: tuple[Weighed, ...] = ()
    canaries: Mapping[str, int] = field(default_factory=dict)
    """By team: canaries among the identified."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants to see besides the numbers."""

    explain: bool = False
    reveal: bool = False


class Format(Protocol):
    """Prints results as they come."""

    def add(self, result: Result) -> None:
        """Take the next result, in the order of the files."""

    def end(self) -> None:
        """Finish the output: every file has been added."""
