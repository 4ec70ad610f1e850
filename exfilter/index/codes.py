"""Numbers that stand in the records of a build for shapes, leads and blocks of numbers.

A record of a key is two words: its tag; and the row, then the code: the shape's number and the lead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors import LEADS, Key, emails, lead, names, phones, tickets
from exfilter.index.keys import CUSTOMER_TAG, NAME_TOKEN, TAGS, IndexKey
from exfilter.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.tickets import Template

LEAD_BITS = 14
"""Of a code: the last ones."""
ROW_BITS = 32
"""Of the second word of a record: those above the code."""
CODE_MASK = (1 << ROW_BITS) - 1
WORD = (1 << 64) - 1

EMAILS, PHONES, TICKETS, NAMES, COUNTRY = 1, 2, 4, 8, 16
"""Bits for kinds of keys, and for the country, that Python has to read."""
ALL_KINDS = 31
HAS_KEY, HAS_NAME, HAS_MONO, NO_ID = 1, 2, 4, 8
"""Flags of a row: what keys it has; and that it has no customer id."""

_OF_DIGITS = "digits "


class Shapes:
    """The shapes that keys of a table can have, each with its number."""

    def __init__(self, templates: Iterable[Template]) -> None:
        """``templates``: of the tickets."""
        found = [(Kind.EMAIL, emails.SHAPE), (Kind.NAME, names.SHAPE), (Kind.NAME, names.MONO)]
        for plus in ("+", ""):
            found += [(Kind.PHONE, phones.shape(plus, digits)) for digits in range(phones.MAX_DIGITS + 1)]
        for template in templates:
            found.append((Kind.TICKET, template.shape))
            if template.bare_digits:
                found.append((Kind.TICKET, tickets.bare_shape(template.bare_digits)))
        self.all = tuple(dict.fromkeys(found))
        self.number = {shape: number for number, shape in enumerate(self.all)}
        self.email, self.pair, self.mono = range(3)

    def phone(self, plus: str, digits: int) -> int:
        """Return the number of a shape of phones."""
        return self.number[Kind.PHONE, phones.shape(plus, digits)]

    def ticket(self, name: str) -> int:
        """Return the number of a shape of tickets."""
        return self.number[Kind.TICKET, name]

    def by_lead(self, number: int) -> bool:
        """Whether chance goes by lead: values of the shape are nothing but digits."""
        kind, name = self.all[number]
        return kind is Kind.PHONE or (kind is Kind.TICKET and name.startswith(_OF_DIGITS))

    def code(self, key: Key) -> int:
        """Return the code of a key."""
        number = self.number[key.kind, key.shape]
        return number << LEAD_BITS | (lead(key.canonical) if self.by_lead(number) else 0)

    def of_code(self, code: int) -> int:
        """Return the number of a code's shape."""
        return code >> LEAD_BITS


def block_hash(canonical: bytes, shape: int, secret: int) -> int:
    """Return a hash of the block of a hundred that a number is in: all but its last two digits.

    It only chooses a sample: the finalisation of splitmix64 (Steele et al., 2014).
    """
    value = int(canonical.lstrip(b"+")[:-2] or b"0") + secret + shape & WORD
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & WORD
    return value ^ value >> 31


PURPOSES = {
    **{kind.name.lower(): purpose for kind, purpose in TAGS.items()},
    "token": NAME_TOKEN,
    "customer": CUSTOMER_TAG,
    "content": "row content",
    "sample": "block sample",
}
"""Purposes of the sub-keys of a build. Those of the two last ones leave no trace in the index."""


def tag_keys(key: IndexKey) -> dict[str, bytes]:
    """Return the SipHash keys of a build by what they are for."""
    return {name: key.subkey(purpose) for name, purpose in PURPOSES.items()}


assert LEADS <= 1 << LEAD_BITS  # noqa: S101 - a law of this module
