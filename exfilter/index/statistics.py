"""What the index knows of its own frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Statistics:
    """The numbers that ``exfilter.evidence`` takes its chances from."""

    customers: int
    """In the table of the last build."""
    density: NDArray[np.float64]
    """[shapes, leads]: the chance that a random value of a shape is a key, by ``detectors.lead``."""
    name_bearers: int
    """Customers with a name of two tokens."""
    names_once: int
    """Such names that one customer bears."""
    names_twice: int
    names_once_unknown: int
    """Names borne once of which a token is borne by nobody else in its place."""
    mono_bearers: int
    """Customers with a name of one word."""
    mono_once: int
    mono_twice: int
