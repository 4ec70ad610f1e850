"""WARC 1.0 and 1.1 (ISO 28500), as crawlers write it: the request records, plain or in gzip members.

A record says how long it is. One that lies is named, and the next line that begins a record is looked for.
"""

from __future__ import annotations

import datetime as dt
import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from exfilter.captures.captured import DOOR, LARGEST, Captured, Unread, absent
from exfilter.captures.http1 import Request, Requests
from exfilter.model import Transfer

LINE = 1 << 16
"""Bytes of a line of a record's head at most."""
LINES = 1000
_STEP = 1 << 20
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class _Archive:
    """One file, unpacked as it is read."""

    stream: BinaryIO | gzip.GzipFile
    is_packed: bool
    number: int = 0
    """Of the record that is read."""

    @property
    def place(self) -> str:
        return f"record {self.number}"


def captured(path: Path, actor: str) -> Iterator[Captured | Unread]:
    """Yield the requests of an archive. ``actor``: who sent them, of whom a WARC says nothing.

    Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
        file.seek(0)
        with gzip.GzipFile(fileobj=file) if is_packed else file as stream:
            archive = _Archive(stream, is_packed)
            try:
                yield from _records(archive, actor)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                why = f"the archive breaks off at about byte {file.tell()} of {path.stat().st_size}"
                yield Unread(archive.place, _followed(why, archive))


def _followed(why: str, archive: _Archive) -> str:
    return f"{why}: {archive.number - 1} whole records were read, what follows was not"


def _records(archive: _Archive, actor: str) -> Iterator[Captured | Unread]:
    while line := _line(archive):
        archive.number += 1
        if not line.startswith(b"WARC/"):
            yield Unread(archive.place, "no record begins where the one before says that it ends")
            line = _next_record(archive)
            archive.number += bool(line)
        heads = _heads(archive.stream) if line else {}
        length = heads.get("content-length", "")
        if line and not (length.isascii() and length.isdigit() and len(length) < 19):
            yield Unread(archive.place, "the record does not say how long it is")
        elif line:
            yield from _of_record(archive, heads, int(length), actor)


def _line(archive: _Archive) -> bytes:
    """Return the next line that is not empty; nothing at the end."""
    while line := archive.stream.readline(LINE):
        if line.strip(b"\r\n"):
            return line
    return b""


def _next_record(archive: _Archive) -> bytes:
    while line := archive.stream.readline(LINE):
        if line.startswith(b"WARC/1."):
            return line
    return b""


def _heads(stream: BinaryIO | gzip.GzipFile) -> Mapping[str, str]:
    """Return the head of a record; names are in lower case."""
    heads: dict[str, str] = {}
    for _ in range(LINES):
        line = stream.readline(LINE)
        if not line.strip(b"\r\n"):
            break
        name, _, value = line.decode("utf-8", "replace").partition(":")
        heads[name.strip().lower()] = value.strip()
    return heads


def _of_record(
    archive: _Archive, heads: Mapping[str, str], length: int, actor: str
) -> Iterator[Captured | Unread]:
    is_wanted = heads.get("warc-type", "").lower() == "request" and _is_http(heads)
    if not is_wanted or length > LARGEST:
        if is_wanted:
            yield Unread(archive.place, f"a record of {length} bytes, more than {LARGEST}")
        if not _skip(archive, length):
            yield Unread(archive.place, _followed("the archive breaks off in a record", archive))
        return
    data = _read(archive, length)
    reader = Requests(LARGEST)
    requests = [*reader.feed(data), *reader.end()]
    if requests:
        rest = bytes(reader.rest)
        yield _as_captured(requests[0], heads, archive.place, actor, length - len(data), rest)
    if len(requests) != 1:
        why = "there is more than one request in the record" if requests else "the record is no HTTP request"
        yield Unread(archive.place, why)
    if len(data) < length:
        yield Unread(archive.place, _followed("the archive breaks off in a record", archive))


def _is_http(heads: Mapping[str, str]) -> bool:
    uri = heads.get("warc-target-uri", "").lower().lstrip("<")
    return "http" in heads.get("content-type", "").lower() or uri.startswith("http")


def _read(archive: _Archive, length: int) -> bytes:
    """Read a record; where the file ends in it, what is there."""
    pieces, left = [], length
    try:
        while left > 0 and (piece := archive.stream.read(min(left, _STEP))):
            pieces.append(piece)
            left -= len(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        pass
    return b"".join(pieces)


def _skip(archive: _Archive, length: int) -> bool:
    """Go over a record. False: the file ends in it."""
    if not archive.is_packed:
        end = archive.stream.tell() + length
        archive.stream.seek(end)
        return end <= os.fstat(archive.stream.fileno()).st_size
    while length > 0 and (piece := archive.stream.read(min(length, _STEP))):
        length -= len(piece)
    return not length


def _as_captured(
    sent: Request, heads: Mapping[str, str], place: str, actor: str, cut: int, rest: bytes
) -> Captured:
    uri = heads.get("warc-target-uri", "").strip("<>")
    host = sent.header("host")
    url = uri or (f"http://{host}{sent.target}" if sent.target.startswith("/") else sent.target)
    missing = max(sent.absent, cut)
    transfer = Transfer(
        door=DOOR,
        # What stands behind a body whose length is wrong left as well.
        body=sent.body + rest,
        actor=actor,
        destination=_host(url) or host.partition(":")[0].lower(),
        method=sent.method,
        url=url,
        headers=sent.headers,
        trailers=sent.trailers,
        time=_moment(heads.get("warc-date", "")),
    )
    return Captured(
        transfer,
        heads.get("warc-record-id", ""),
        place,
        (absent(missing),) if missing else (),
    )


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _moment(text: str) -> float:
    try:
        moment = dt.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
