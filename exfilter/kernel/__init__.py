"""Bytes of text to candidate and hit arrays. ``NAME`` says which kernel runs."""

from __future__ import annotations

from exfilter.kernel.tables import Candidates, Matches, Shape, Tables

try:
    from exfilter.kernel.prepare import find

    NAME = "native"
except ModuleNotFoundError as error:  # no C compiler or no Python headers when it was installed
    if error.name != "exfilter.kernel.native":
        raise
    from exfilter.kernel.reference import find

    NAME = "reference"

__all__ = ["NAME", "Candidates", "Matches", "Shape", "Tables", "find"]
