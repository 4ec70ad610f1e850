"""What a petabyte would take, from what was measured and what is assumed. Arithmetic only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.shared import MB, SMALL

PETABYTE = 10**15
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody measured here: put your own in its place."""

    documents: float = 0.5
    """Of the bytes; the others are plain text."""
    cores: int = 256
    """Of the workers. That two workers' figures hold for all of them is the boldest assumption."""
    core_hour: float = 0.05
    """US$."""
    get: float = 0.0004
    """US$ for a thousand requests for an object."""
    listing: float = 0.005
    """US$ for a thousand requests that list."""
    listed_together: int = 1000
    """Objects."""
    block: int = 8 << 20
    """Bytes that exfilter asks for at once."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of CPU, unless it says otherwise."""

    small: float
    """Of the workers, for a small file."""
    documents: float
    """Of the workers, for a megabyte."""
    text: float
    driver: float
    """For a small file."""
    scheduler: float
    listed: float
    """Files a second."""
    state: float
    """Bytes a file."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A petabyte of files of one size in the mean."""

    mean: int
    """Bytes of a file."""
    files: float
    work: float
    """Seconds of the workers' CPU."""
    days: dict[str, float]
    """Of each who could be the slowest."""
    gigabits: float
    """A second, that the store has to give as long as the scan lasts."""
    state: float
    """Bytes."""
    gets: float
    requests: float
    """US$."""
    machines: float
    """US$, of the workers while the scan lasts."""

    @property
    def slowest(self) -> str:
        """Who all others wait for."""
        return max(self.days, key=self.days.__getitem__)


def project(mean: int, measured: Measured, assumed: Assumed) -> Projection:
    """Return what a petabyte in files of that size takes: what each part does goes on side by side."""
    files = PETABYTE / mean
    megabyte = assumed.documents * measured.documents + (1 - assumed.documents) * measured.text
    opening = max(0.0, measured.small - measured.text * SMALL / MB)
    work = files * opening + PETABYTE / MB * megabyte
    days = {
        "workers": work / assumed.cores / DAY,
        "driver": files * (measured.driver + 1 / measured.listed) / DAY,
        "scheduler": files * measured.scheduler / DAY,
    }
    gets = files * math.ceil(mean / assumed.block)
    requests = gets * assumed.get / 1000 + files / assumed.listed_together * assumed.listing / 1000
    lasts = max(days.values())
    return Projection(
        mean=mean,
        files=files,
        work=work,
        days=days,
        gigabits=PETABYTE * 8 / (lasts * DAY) / 1e9,
        state=files * measured.state,
        gets=gets,
        requests=requests,
        machines=assumed.cores * lasts * 24 * assumed.core_hour,
    )
