"""What each kind of identifier looks like, and the one spelling of it that is hashed.

Each module carries ``SAME``, spellings that must share a key, and ``LOOKALIKES``, spellings that
must not. The same functions make the keys of the index and confirm what the scan finds.
"""

from __future__ import annotations

from typing import NamedTuple

from exfilter.model import Kind

CANONICALISER = 2
"""Version of the canonical forms. An index that was built with another one is refused."""


class Key(NamedTuple):
    """One canonical spelling of an identifier, as it is hashed into the index."""

    kind: Kind
    shape: str
    """Values of one shape share their chance of being somebody's: see ``exfilter.evidence``."""
    canonical: bytes


def lead(canonical: bytes) -> int:
    """Return the first four digits of a number's canonical form, 0 to 9999; 0 where it has none.

    Numbers are handed out in ranges, so the chance that a random one is a customer's is kept for
    each lead.
    """
    digits = canonical.lstrip(b"+")[:LEAD_DIGITS]
    return int(digits) if len(digits) == LEAD_DIGITS and digits.isdigit() else 0


LEAD_DIGITS = 4
LEADS = 10**LEAD_DIGITS
"""How many leads there are."""
