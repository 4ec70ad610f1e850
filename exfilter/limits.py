"""Budgets: what one transfer may cost. A limit that is hit is an outcome, never a silence."""

from __future__ import annotations

from dataclasses import dataclass, field

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for reading one transfer. What goes beyond is unscanned(over-budget)."""

    bytes_in: int = 1024 * MIB
    """Body bytes that are looked at."""
    bytes_out: int = 2048 * MIB
    """Bytes after decompression, over all parts of the transfer."""
    ratio: int = 1000
    """Bytes out for each byte in of one compressed stream, once past ``ratio_floor``."""
    ratio_floor: int = 16 * MIB
    """Output below which the ratio is not judged: small files compress very well."""
    depth: int = 8
    """Containers and encodings inside each other."""
    inner_bytes: int = 128 * MIB
    """Bytes of memory that archives and documents inside other contents are held in, and decoders ask for."""
    passwords: tuple[str, ...] = field(default=(), repr=False)
    """To try on encrypted archives and documents."""
    ocr: bool = False
    """Whether the pixels of pictures are read (the extra ``exfilter[ocr]``)."""
    parts: int = 100_000
    """Parts of one transfer."""
    small: int = 2000
    """Contents of at most ``small_bytes`` that are opened each for itself; further ones are joined."""
    small_bytes: int = 4 * KIB
    views: int = 8
    """Characters in views of undone escapes, for each character of text."""
    slice_bytes: int = MIB
    """Long text is handed on in slices of about this size, cut at line ends where there are any."""
    overlap: int = 4 * KIB
    """Characters that two slices share, so that nothing is lost at a seam."""


PROXY = Limits(bytes_in=256 * MIB, bytes_out=512 * MIB)
"""For the doors that hold a sender waiting."""
