"""Dumps of bytes as xxd, hexdump, od, Format-Hex and their like write them.

A line has an offset, groups of digits and maybe the letters beside them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from exfilter.content.encoded.stretch import Way

_LINE = re.compile(
    r"(?:^|(?<=[\"'`>]))[ \t]*(?:0[xX])?(?P<offset>[0-9A-Fa-f]{4,16})[:.h|]?[ \t]{1,8}"
    r"(?P<body>[0-9A-Fa-f]{2,16}(?:[ \t:|-]{1,3}[0-9A-Fa-f]{2,16}(?![0-9A-Za-z])){0,63}+)(?P<rest>[^\n]*)\n?",
    re.MULTILINE,
)
_SHOWN_LINE = re.compile(
    r"(?:^|(?<=[\"'`>]))[0-7]{7}(?P<shown>(?: {3}[^\s\\]| {2}\\[0abfnrtv]| [0-7]{3}| {4}){1,16})\n?",
    re.MULTILINE,
)
_SIGNS = {
    rf"\{letter}": sign
    for letter, sign in zip("0abtnvfr", map(bytes, zip(b"\0\a\b\t\n\v\f\r", strict=True)), strict=True)
}
_GROUP = re.compile("[0-9A-Fa-f]+")
_HEX, _OCTAL = (2, 4, 8, 16), (3, 6)
"""Digits of a group."""
_LINES = 2
_USUAL = 16
"""Bytes of a line, where nothing tells."""


class Dump(NamedTuple):
    """Lines of a dump."""

    start: int
    end: int
    readings: Iterator[Way]


def found(text: str, start: int, end: int) -> Iterator[Dump]:
    """Yield the dumps in a stretch of a text that begins and ends with lines."""
    found = [
        *(Dump(*span, _readings(lines)) for span, lines in _runs(_LINE, text, start, end)),
        *(
            Dump(*span, iter([("character dump", functools.partial(_shown, lines))]))
            for span, lines in _runs(_SHOWN_LINE, text, start, end)
        ),
    ]
    yield from sorted(found, key=lambda dump: dump.start)


def _runs(
    pattern: re.Pattern[str], text: str, start: int, end: int
) -> Iterator[tuple[tuple[int, int], list[re.Match[str]]]]:
    """Yield the runs of two lines or more that fit a pattern, and where they are."""
    lines: list[re.Match[str]] = []
    for line in (*pattern.finditer(text, start, end), None):
        if line is None or (lines and line.start() != lines[-1].end()):
            if len(lines) >= _LINES:
                yield (lines[0].start(), lines[-1].end()), lines
            lines = []
        if line is not None:
            lines.append(line)


def _readings(lines: list[re.Match[str]]) -> Iterator[Way]:
    rows = [_GROUP.findall(line["body"]) for line in lines]
    size = len(rows[0][0])
    width = _width(lines, sum(map(len, rows[0])) // 2 if size not in _OCTAL else len(rows[0]) * size // 3)
    if size in _HEX:
        yield "hex dump", lambda: _bytes(rows, size, width)
    if size in _HEX[1:]:
        yield "hex dump", lambda: turned(_bytes(rows, size, width), size // 2)
    if size in _OCTAL:
        count = width * 3 // size
        yield "octal dump", lambda: b"".join(_octal(group, size) for row in rows for group in row[:count])


def _width(lines: list[re.Match[str]], most: int) -> int:
    """Return how many bytes a line has: as its offset and the next one say, to one base or another."""
    apart = []
    for base in (16, 8, 10):
        try:
            first, second = (int(line["offset"], base) for line in lines[:2])
        except ValueError:
            continue
        apart.append(second - first)
    return max((size for size in apart if 0 < size <= most), default=min(most, _USUAL))


def _bytes(rows: list[list[str]], size: int, width: int) -> bytes:
    """Return the bytes of groups of that many digits; the last group of a row may have fewer."""
    lines = ("".join(group for group in row if len(group) <= size)[: 2 * width] for row in rows)
    return b"".join(bytes.fromhex(line[: len(line) // 2 * 2]) for line in lines)


def turned(data: bytes, step: int) -> bytes:
    """Return words with their last byte first, as a machine stores them."""
    return b"".join(data[at : at + step][::-1] for at in range(0, len(data), step))


def _octal(group: str, size: int) -> bytes:
    number = int(group, 8) if not group.strip("01234567") else 0
    return (number & 0xFFFF).to_bytes(2, "little") if size == max(_OCTAL) else bytes([number & 0xFF])


def _shown(lines: list[re.Match[str]]) -> bytes:
    """Return the bytes of lines with one character in each four columns."""
    data = bytearray()
    for line in lines:
        body = line["shown"]
        for at in range(0, len(body), 4):
            sign = body[at : at + 4].lstrip() or " "
            data += _SIGNS.get(sign) or (_octal(sign, 3) if len(sign) == 3 else sign[-1:].encode())
    return bytes(data)
