"""What the walk over a picture finds beside its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exfilter.body import CHUNK


@dataclass(frozen=True, slots=True)
class Carried:
    """A text, or bytes of any kind, that a picture carries."""

    name: str
    """As the picture calls it: a keyword, the name of a field. It may hold what the text holds."""
    chunks: Iterable[bytes]
    deflated: bool = False
    """The chunks are compressed with zlib (RFC 1950)."""
    profile: bool = False
    """A colour profile: binary, and nothing but its strings is of interest."""


@dataclass(frozen=True, slots=True)
class Excess:
    """The walk ended: there is more to read than a picture of that size can hold."""


Walk = Callable[[memoryview], Iterator[Carried | Excess]]
"""Yields what a picture carries, in the order of the file. Raises nothing, whatever the bytes. What is
cut off is yielded as far as it is there."""


def pieces(data: memoryview) -> Iterator[bytes]:
    """Yield bytes of a picture without a second copy of all of them."""
    for start in range(0, len(data), CHUNK):
        yield bytes(data[start : start + CHUNK])


def until(data: memoryview, longest: int = 1 << 10) -> tuple[bytes, memoryview]:
    """Return what stands before the next NUL, if it is no longer than that, and what stands behind it."""
    end = bytes(data[: longest + 1]).find(0)
    return (bytes(data[:end]), data[end + 1 :]) if end >= 0 else (b"", data)
