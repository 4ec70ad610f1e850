"""Bytes of text to candidate and hit arrays. ``NAME`` says which kernel runs."""

from __future__ import annotations

from exfilter.kernel.reference import find
from exfilter.kernel.tables import Candidates, Matches, Shape, Tables

NAME = "reference"

__all__ = ["NAME", "Candidates", "Matches", "Shape", "Tables", "find"]
