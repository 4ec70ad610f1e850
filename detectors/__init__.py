"""What each kind of identifier looks like, and the one spelling of it that is hashed.

Each module carries ``SAME``, spellings that must share a key, and ``LOOKALIKES``, spellings that
must not. The same functions make the keys of the index and confirm what the scan finds.
"""

from __future__ import annotations

from typing import NamedTuple

from exfilter.model import Kind

CANONICALISER = 1
"""Version of the canonical forms. An index that was built with another one is refused."""


class Key(NamedTuple):
    """One canonical spelling of an identifier, as it is hashed into the index."""

    kind: Kind
    shape: str
    """Values of one shape share their chance of being somebody's: see ``exfilter.evidence``."""
    canonical: bytes


def lead(canonical: bytes) -> int:
    """Return the first three digits of a number's canonical form, 0 to 999; 0 where it has none.

    Numbers are handed out in ranges, so the chance that a random one is a customer's is kept for
    each lead.
    """
    digits = canonical.lstrip(b"+")[:3]
    return int(digits) if len(digits) == 3 and digits.isdigit() else 0
