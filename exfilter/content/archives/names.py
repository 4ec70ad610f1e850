"""Names of members, whose charset hardly any archive tells."""

from __future__ import annotations

from exfilter.content import charset

_GUESSES = 50


class Names:
    """Decodes the names of one archive."""

    def __init__(self, fallback: str = "cp1252") -> None:
        """`fallback`: the charset of the format where a name is not in UTF-8."""
        self._fallback = fallback
        self._guesses = _GUESSES

    def read(self, raw: bytes) -> list[str]:
        """Return the ways in which a name reads, the likeliest first. Only a few are guessed: it is slow."""
        try:
            return [raw.decode("utf-8")]
        except UnicodeDecodeError:
            readings = [raw.decode(self._fallback, "replace")]
        if self._guesses:
            self._guesses -= 1
            readings.insert(0, charset.clean(raw.decode("utf-8", "surrogateescape")))
        return list(dict.fromkeys(readings))
