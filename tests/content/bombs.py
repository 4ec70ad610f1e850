"""Reads bombs as a door does, and says what came of each: run by ``test_bombs`` in a process of its own.

Prints for each bomb its name, the reasons, the seconds, and the peak of memory of this process while it
was read in MiB; last of all the peak of the processes that read for it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import resource
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import py7zr

from exfilter import content
from exfilter.content.sandbox import host
from exfilter.limits import KIB, MIB, PROXY
from exfilter.model import Transfer, Unscanned
from tests.content.test_tars import header
from tests.content.test_zips import entry, listed, overlapping, zipped

LIMITS = replace(PROXY, bytes_out=128 * MIB)
"""Of a door, but for a quarter of what may come out: it is a matter of seconds."""
ZEROS = bytes(MIB)
LINES = b"ann@example.com\n" * (MIB // 16)


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _packed(packer: _Packer, pieces: Iterable[bytes]) -> bytes:
    return b"".join(packer.compress(piece) for piece in pieces) + packer.flush()


def _xz(count: int) -> bytes:
    return _packed(lzma.LZMACompressor(preset=0), [ZEROS] * count)


def _nested(depth: int, width: int) -> bytes:
    body = zipped(("b", bytes(16 * MIB)))
    for _ in range(depth):
        body = zipped(*((f"{number}.zip", body) for number in range(width)))
    return body


def _sevenz() -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as archive:
        archive.writestr(bytes(80 * MIB), "zeros")
    return out.getvalue()


def _many(count: int) -> bytes:
    return listed(*(entry(b"%d.txt" % number, b"one line", 0, b"one line") for number in range(count)))


_WIDE = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30, "preset": 0}
BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: _packed(zlib.compressobj(9, zlib.DEFLATED, 31), [ZEROS] * 200),
    "bzip2": lambda: bz2.compress(bytes(60 * MIB)),
    "xz": lambda: _xz(60),
    "xz in xz in xz": lambda: lzma.compress(lzma.compress(_xz(60))),
    "xz of a giant window": lambda: lzma.compress(LINES, filters=[_WIDE]),
    "zip": lambda: zipped(("b", bytes(100 * MIB))),
    "zip of zips of zips": lambda: _nested(3, 4),
    "overlapping zip": lambda: overlapping(250, 4 * MIB, ZEROS),
    "60,000 entries": lambda: _many(60_000),
    "7z": _sevenz,
    "tar without end": lambda: gzip.compress(header(name="a", size=1 << 33) + bytes(1100 * KIB) * 200),
}


def _peak() -> int:
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0


def main() -> None:
    """Read them all."""
    for name, make in {"nothing": lambda: zipped(("a", b"a")), **BOMBS}.items():
        transfer = Transfer(door="proxy", body=make(), name="bomb")
        Path("/proc/self/clear_refs").write_text("5")
        began = time.monotonic()
        end = began + 60
        found = content.read(transfer, LIMITS, lambda end=end: time.monotonic() > end)  # type: ignore[misc]
        reasons = {item.reason.value for item in found if isinstance(item, Unscanned)}
        print(name, "+".join(sorted(reasons)), f"{time.monotonic() - began:.1f}", _peak(), sep="|")  # noqa: T201
    host.restart()
    print("children", "", 0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, sep="|")  # noqa: T201


if __name__ == "__main__":
    main()
