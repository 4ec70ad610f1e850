"""How a mistake in a policy is told to pydantic."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def mistake(reason: str, *at: str | int) -> PydanticCustomError:
    """Return the error for a key below the value that is being checked."""
    return PydanticCustomError("mistake", "{reason}", {"reason": reason, "at": at})
