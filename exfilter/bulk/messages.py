"""What the driver and the workers of a cluster tell each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exfilter.bulk.tasks import Answer
from exfilter.limits import Limits

Done = tuple[int, int, Answer]
"""The file's number and the start of what was read of it, so that no answer is taken for another's."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker reads with. It holds no secret."""

    index: Path
    """Where the driver has the index. Where a worker has it there too, none is delivered."""
    index_id: str
    """Of the driver's: another one is not used."""
    terms: Mapping[str, Sequence[str]] = field(repr=False)
    limits: Limits
    """Without passwords."""
    deadline: float
    """Seconds for one task."""


@dataclass(frozen=True, slots=True)
class Locked:
    """No key is here: the worker wants one that is sealed to this."""

    recipient: str
    worker: str
    """Its address in the cluster."""
    version: str
    """Of its exfilter: another one might find something else."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Secrets for one worker."""

    key: bytes = field(repr=False)
    passwords: bytes = field(repr=False)
    """Joined with line ends."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing can be read here."""

    problem: str


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no index here: the worker wants its node to have one."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What a worker says of the index."""

    node: str
    """Who shares a cache says the same. Empty: it has the index, whatever is in its cache."""
