"""The fixtures of the quarantine's own tests."""

from tests.test_quarantine import clock, keys, quarantine

__all__ = ["clock", "keys", "quarantine"]
