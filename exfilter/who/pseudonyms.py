"""What the decision log calls somebody who is not to be named there.

A keyed hash: the same actor always has the same pseudonym, and without the key nobody can try names out.
The key is a file of its own, not derived from the index key: a new index does not change what people are
called, and who destroys the file makes old logs anonymous for good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from exfilter import private

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "p-"
BYTES = 10
"""80 bits: among a million actors, two share a pseudonym with a chance of 4e-13."""


_FORM = re.compile(r"p-[a-z2-7]{16}")


def is_pseudonym(text: str) -> bool:
    """Whether a text looks like one."""
    return bool(_FORM.fullmatch(text))


class Pseudonyms:
    """Call it for the pseudonym of an actor."""

    __slots__ = ("_key",)

    def __init__(self, file: Path) -> None:
        """Read the key, or make it (mode 0600). Raises ValueError or OSError."""
        self._key = private.own_key(file, "a key of pseudonyms")

    def __call__(self, actor: str) -> str:
        """Return the pseudonym. Nobody stays nobody."""
        if not actor:
            return ""
        digest = hmac.digest(self._key, b"actor\0" + actor.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return PREFIX + base64.b32encode(digest[:BYTES]).decode("ascii").lower()
