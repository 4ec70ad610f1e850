"""The roles, and somebody who has one."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    """What somebody may, each also what those before may."""

    ANALYST = "analyst"
    """Sees what is held, masked."""
    REVIEWER = "reviewer"
    """Decides, and opens bodies."""
    ADMIN = "admin"
    """Says who may."""

    def includes(self, other: Role) -> bool:
        """Whether this role may all that the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in, or whose token is shown."""

    name: str
    role: Role
