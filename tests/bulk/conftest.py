"""A browser for the page of a run."""

from __future__ import annotations

from tests.browser import chromium

__all__ = ["chromium"]
