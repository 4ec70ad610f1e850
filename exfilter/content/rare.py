r"""Escapes that are seldom seen: octal, code points, ``%u0040``, entities without end, encoded words."""

from __future__ import annotations

import binascii
import html
import quopri
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from exfilter.content.charset import Decoder
from exfilter.content.glimpse import Glimpse, lines, merged
from exfilter.content.views import rewritten
from exfilter.model import Part

_LAST = 0x10FFFF


class Rare(NamedTuple):
    """One way to write characters with others."""

    name: str
    hint: bytes
    """What some window of a text with such escapes contains."""
    pattern: re.Pattern[str]
    undo: Callable[[re.Match[str]], str]


_NO_BASE64 = re.compile("[^A-Za-z0-9+/]")


def _octal(found: re.Match[str]) -> str:
    return bytes(int(digits, 8) & 0xFF for digits in found[0].split("\\")[1:]).decode("utf-8", "replace")


def _point(found: re.Match[str]) -> str:
    code = int(found[found.lastindex or 0], 16)
    return found[0] if code > _LAST or 0xD800 <= code < 0xE000 else chr(code)


def _entity(found: re.Match[str]) -> str:
    return html.unescape(f"{found[0]};")


def _word(found: re.Match[str]) -> str:
    """Return an encoded word of a mail header (RFC 2047)."""
    charset, kind, letters = found.groups()
    if kind in "Bb":
        text = _NO_BASE64.sub("", letters)  # as binascii skips it, and then counts what is left
        data = binascii.a2b_base64(text[: len(text) - (len(text) % 4 == 1)] + "==")
    else:
        data = quopri.decodestring(letters.replace("_", " ").encode("ascii", "replace"))
    return Decoder(charset).decode(data)


RARE = (
    Rare(
        "octal",
        b"\\",
        re.compile(r"\\(?:[0-3][0-7]{2}|[0-7]{1,2})(?:\\(?:[0-3][0-7]{2}|[0-7]{1,2}))*"),
        _octal,
    ),
    Rare(
        "code points",
        b"\\",
        re.compile(r"\\(?:[ux]\{([0-9A-Fa-f]{1,6})\}|U([0-9A-Fa-f]{8})|([0-9A-Fa-f]{2,6})[ \t])"),
        _point,
    ),
    Rare("percent u", b"%u", re.compile("%[uU]([0-9A-Fa-f]{4})"), _point),
    Rare(
        "entities without end",
        b"&#",
        re.compile(r"&#(?:\d{2,7}(?![0-9;])|[xX][0-9A-Fa-f]{1,6}(?![0-9A-Fa-f;]))"),
        _entity,
    ),
    Rare("names of XML", b"_x0", re.compile("_x([0-9A-Fa-f]{4})_"), _point),
    Rare(
        "encoded words",
        b"=?",
        re.compile(r"=\?([\w.:*-]{1,60})\?([BbQq])\?([^?\s]{0,200})\?=(?:\s+(?==\?))?"),
        _word,
    ),
)


def views(part: Part, glimpse: Glimpse) -> Iterator[Part]:
    """Yield the view of each rare escape that a text seems to have."""
    for rare in RARE:
        if rare.hint not in glimpse.some:
            continue
        ranges = glimpse.where(glimpse.some, lambda window, rare=rare: rare.hint in window)  # type: ignore[misc]
        spans = [
            found.span()
            for start, end in merged([lines(part.text, span) for span in ranges])
            for found in rare.pattern.finditer(part.text, start, end)
        ]
        view = rewritten(
            part,
            rare.name,
            np.array(spans, dtype=np.int64).reshape(-1, 2),
            lambda text, rare=rare: rare.pattern.sub(rare.undo, text),  # type: ignore[misc]
            by_lines=True,
        )
        if view is not None:
            yield view[0]
