"""What a user could pick instead. Each peer reads the same bytes and says how many matches it found.

The patterns find the *shapes* of e-mail addresses, phone numbers and ticket numbers: an engine of
regular expressions knows no customers, and no names. The others look for values in plain text.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.leaks import FIELDS

EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
PHONE = r"\+?[0-9][0-9 ().\/-]{6,14}[0-9]"
TICKET = r"TM-[0-9]{8}"
PATTERNS = EMAIL, PHONE, TICKET

PLAINTEXT = 1_000_000
"""Keys that are looked for in plain text, at most."""

Bodies = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another engine. ``count`` returns the matches in all bodies."""

    name: str
    finds: str
    version: str
    count: Callable[[Bodies], int]


def peers(table: Path, keys: int = PLAINTEXT) -> Iterator[Peer]:
    """Yield every engine that is installed, ready to run."""
    yield from _hyperscan()
    yield from _re2()
    yield from _aho_corasick(plaintext(table, keys))


def plaintext(table: Path, keys: int) -> list[str]:
    """Return the values of the first customers of a table, each once, at most ``keys``."""
    with table.open(encoding="utf-8", newline="") as lines:
        values = (row[field] for row in csv.DictReader(lines) for field in FIELDS)
        return list(dict.fromkeys(value for value in itertools.islice(values, 2 * keys) if value))[:keys]


def _hyperscan() -> Iterator[Peer]:
    """Yield it with the start of each match, without which nothing can be looked up, and without.

    Each match calls back into Python, which is what a scanner in Python has to pay; so each also
    runs without being told of the matches.
    """
    try:
        import hyperscan  # noqa: PLC0415 - may be missing
    except ImportError:
        return
    for starts, flag in (("start offsets", hyperscan.HS_FLAG_SOM_LEFTMOST), ("ends only", 0)):
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[pattern.encode() for pattern in PATTERNS],
            ids=list(range(len(PATTERNS))),
            flags=[flag] * len(PATTERNS),
        )
        for told in (True, False):
            name = f"hyperscan, {starts}" + ("" if told else ", matches dropped")
            yield Peer(name, "shapes", installed("hyperscan"), _scanning(database.scan, told=told))


def _scanning(scan: Callable[..., None], *, told: bool) -> Callable[[Bodies], int]:
    def count(bodies: Bodies) -> int:
        found = 0

        def match(_id: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            nonlocal found
            found += 1

        for body in bodies:
            scan(body, match_event_handler=match if told else None)
        return found

    return count


def _re2() -> Iterator[Peer]:
    try:
        import re2  # noqa: PLC0415 - may be missing
    except ImportError:
        return
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = re2.compile("|".join(PATTERNS).encode(), options)

    def count(bodies: Bodies) -> int:
        return sum(1 for body in bodies for _ in pattern.finditer(body))

    yield Peer("google-re2, combined", "shapes", installed("google-re2"), count)


def _aho_corasick(keys: Iterable[str]) -> Iterator[Peer]:
    try:
        import ahocorasick_rs  # noqa: PLC0415 - may be missing
    except ImportError:
        return
    wanted = [key.encode() for key in keys]
    automaton = ahocorasick_rs.BytesAhoCorasick(wanted, matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)

    def count(bodies: Bodies) -> int:
        return sum(len(automaton.find_matches_as_indexes(body)) for body in bodies)

    yield Peer("ahocorasick_rs", f"{len(wanted):,} values in plain text", installed("ahocorasick-rs"), count)


def installed(package: str) -> str:
    """Return the version of a package, or an empty string."""
    from importlib import metadata  # noqa: PLC0415 - takes its time

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def commands(keys: Path) -> list[tuple[str, list[str]]]:
    """Return the commands that search files for values in plain text: name, arguments before the paths."""
    grep = ["grep", "-r", "-F", "-w", "-o", "-h", "-f", str(keys)]
    return [
        ("ripgrep -F", ["rg", "-F", "-o", "--no-filename", "--no-config", "-uu", "-j1", "-f", str(keys)]),
        ("grep -F -w", grep),
    ]
