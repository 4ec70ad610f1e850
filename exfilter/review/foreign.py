"""Errors of libraries: their texts may quote what was read or typed, so no page, act or log has them."""

from __future__ import annotations

OURS = ("exfilter", "detectors")


def is_foreign(error: ValueError) -> bool:
    """Whether a refusal is a library's. What we raise is a plain ValueError, or of a class of ours."""
    kind = type(error)
    return kind is not ValueError and kind.__module__.partition(".")[0] not in OURS


def told(error: ValueError) -> str:
    """Return why something was refused, as it may be written down."""
    return f"it broke ({type(error).__name__})" if is_foreign(error) else str(error)
