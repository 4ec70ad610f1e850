"""Characters or bytes that are written as numbers: ``4a 6f 68 6e``, ``74, 111, 104``, ``01001010``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from exfilter.content.encoded import dumps
from exfilter.content.encoded.stretch import Found, Way, first
from exfilter.content.glimpse import Glimpse, Range, lines, merged

_WORDS = r"(?:0[xX]|[xXuU]|[cC][hH][rR]|[cC][hH][aA][rR])"
_NUMBER = r"[0-9A-Fa-f]{1,8}(?![0-9A-Za-z])"
_SERIES = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_WORDS}[^0-9A-Za-z]{{0,3}}+)?{_NUMBER}(?:[^0-9A-Za-z]{{1,12}}+(?:{_WORDS}[^0-9A-Za-z]{{0,3}}+)?{_NUMBER}){{7,}}+"
)
_DIGITS = re.compile(r"(?:(?<![0-9A-Za-z])|(?<=[xXuU]))[0-9A-Fa-f]+(?![0-9A-Za-z])")
_SIGNED = re.compile(r"-?[0-9]+")
_LEAST = 8
"""Numbers of a series."""
_MANY = 8
"""Numbers of a window, or signs three blanks apart."""
_ROW = re.compile(
    rb" (?:000?(?: {1,4}000?){7}|[0aA]{2}(?: {1,4}[0aA]{2}){9}|[0aA]{4}(?: {1,4}[0aA]{4}){5}"
    rb"|0{6}(?: {1,4}0{6}){3}"
    rb"|0{7,8}(?: {1,4}0{7,8}){3}|[0aA]{8}(?: {1,4}[0aA]{8}){2}|[aA](?:   [ 0aA]){7}) "
)
"""The shape of numbers of one size, or of signs three blanks apart."""
_LAST = 0x10FFFF


def suspects(glimpse: Glimpse) -> list[Range]:
    """Return the stretches that may be full of short numbers."""
    found: list[Range] = []
    if _numerous(glimpse.shape):
        found += glimpse.where(glimpse.shape, lambda window: _numerous(window) and bool(_ROW.search(window)))
    if _marked(glimpse.small):
        found += glimpse.where(glimpse.small, _marked)
    return merged(found)


def _numerous(shape: bytes) -> bool:
    return max(shape.count(b"0 0"), shape.count(b"0  0"), shape.count(b"a   a")) >= _MANY


def _marked(small: bytes) -> bool:
    """Whether many numbers are marked as such."""
    return any(small.count(mark) >= _LEAST for mark in (b"0x", b"hr(", b"u+", b"\\x", b"&#", b",-"))


def read(text: str, span: Range) -> Iterator[Found]:
    """Yield the series of numbers in a stretch of a text that stand for text, or for what can be opened."""
    at, end = lines(text, span)
    for dump in dumps.found(text, at, end):
        yield from _series(text, at, dump.start)
        at = dump.end
        yield from first(dump.start, dump.end, dump.readings)
    yield from _series(text, at, end)


def _series(text: str, start: int, end: int) -> Iterator[Found]:
    for series in _SERIES.finditer(text, start, end):
        numbers = _of_a_kind(_DIGITS.findall(series[0]))
        if len(numbers) >= _LEAST:
            at, end = series.span()
            signs = text[max(start, at - 1) : end]
            yield from first(at, end, chain(_marked_readings(signs, numbers), _readings(numbers)))


def _of_a_kind(numbers: list[str]) -> list[str]:
    """Return the numbers without the first if only that one is none, as in ``char d[] = {0x43, ...}``."""
    first, others = numbers[:1], numbers[1:]
    alone = not {*map(len, first)} & {*map(len, others)} and len({*map(len, others)}) == 1
    return others if alone or ("".join(others).isdigit() and not "".join(first).isdigit()) else numbers


def _marked_readings(series: str, numbers: list[str]) -> Iterator[Way]:
    """Yield what signs before the numbers say of them."""
    if max(map(len, numbers)) <= 2 and series.count("x") + series.count("X") >= len(numbers) - 1:
        yield "hex", lambda: bytes(int(number, 16) for number in numbers)
    if (",-" in series or " -" in series) and "".join(numbers).isdigit():
        signed = list(map(int, _SIGNED.findall(series)))
        if min(signed) >= -0x80 and max(signed) < 0x80:
            yield "decimal", lambda: bytes(number & 0xFF for number in signed)


def _readings(numbers: list[str]) -> Iterator[Way]:
    sizes = {len(number) for number in numbers}
    digits = "".join(numbers)
    if len(sizes) == 1 and not len(digits) % 2 and sizes <= {2, 4, 8}:
        yield "hex", lambda: bytes.fromhex(digits)
    if sizes == {4}:
        yield "hex", lambda: bytes.fromhex("".join(number[2:] + number[:2] for number in numbers))
    if not digits.isdigit():
        return
    if sizes <= {7, 8} and not digits.strip("01"):
        yield "binary", lambda: bytes(int(number, 2) for number in numbers)
    if sizes == {3} and digits.isdigit() and not set(digits) & {"8", "9"}:
        yield "octal", lambda: bytes(int(number, 8) & 0xFF for number in numbers)
    yield "decimal", lambda: _characters(list(map(int, numbers)))


def _characters(numbers: list[int]) -> bytes:
    """Return bytes, or characters in UTF-8 where there are numbers beyond them."""
    most = max(numbers)
    if most <= 0xFF:
        return bytes(numbers)
    return "".join(map(chr, numbers)).encode("utf-8", "replace") if most <= _LAST else b""
