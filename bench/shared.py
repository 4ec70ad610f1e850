"""Shares to scan, made of the ordinary text: many small files, documents, and large text. Seeded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import S3Store

from bench import customers, wrapping
from bench.lab import Lab

KB, MB = 1_000, 1_000_000
SHARES = 1
"""Raised when the same sizes give other shares."""
SMALL = 4096
IN_FOLDER = 1000
KINDS = "text", "HTML", "mail, zip attached", "docx", "xlsx", "xls", "rtf", "pdf"
"""Of documents, as often one as the other."""
EVERY = 100
"""So many small files are there for one with customers in it, three rows of the table."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of each kind."""

    small: int = 4_000
    documents: int = 24
    lines: int = wrapping.LINES
    """Of a document, at most: some formats are slow to write and have a fifth."""
    large: int = 2
    bytes: int = 304 * MB
    """Of a large text."""
    stored: int = 500
    """Of the small files, in the object store."""


@dataclass(frozen=True, slots=True)
class Share:
    """Files of one kind."""

    name: str
    where: str
    """Folder, or URL."""
    files: int
    bytes: int


def make(given: Lab, sizes: Sizes) -> list[Share]:
    """Return the shares: one with an empty file, small files, documents, large text. Made once.

    One that would have no files is left out.
    """
    label = f"{SHARES}-{sizes.small}-{sizes.documents}-{sizes.lines}-{sizes.large}-{sizes.bytes // MB}"
    folder = given.data / f"shares-{customers.label(given.customers)}-{label}"
    if not folder.exists():
        new = folder.with_name(folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        _write(given, sizes, new)
        new.rename(folder)
    names = {"nothing": "nothing", "small files": "small", "documents": "documents", "large text": "large"}
    shares = [_seen(name, folder / below) for name, below in names.items()]
    return [share for share in shares if share.files]


def _seen(name: str, folder: Path) -> Share:
    found = [each.stat().st_size for each in folder.rglob("*") if each.is_file()]
    return Share(name, str(folder), len(found), sum(found))


def _write(given: Lab, sizes: Sizes, folder: Path) -> None:
    (folder / "nothing").mkdir(parents=True)
    (folder / "nothing" / "empty.txt").touch()
    text = given.corpora.ordinary.read_bytes()
    _small(given, sizes, text, folder / "small")
    for number, (kind, data) in enumerate(_documents(given, sizes)):
        file = folder / "documents" / f"{number:04} {kind}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    (folder / "large").mkdir()
    for number in range(sizes.large):
        with (folder / "large" / f"{number}.txt").open("wb") as out:
            while out.tell() < sizes.bytes:
                out.write(text[: sizes.bytes - out.tell()])


def _small(given: Lab, sizes: Sizes, text: bytes, folder: Path) -> None:
    rows = given.table.read_bytes()[:MB].splitlines()
    for number in range(sizes.small):
        file = folder / f"{number // IN_FOLDER:04}" / f"{number:07}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        start = number * SMALL % (len(text) - SMALL)
        carried = [] if number % EVERY else [rows[0], *rows[1 + number : 4 + number]]
        file.write_bytes(b"\n".join([text[start : start + SMALL], *carried])[-SMALL:])


def _documents(given: Lab, sizes: Sizes) -> Iterator[tuple[str, bytes]]:
    """Yield kind and bytes of documents, each of other lines."""
    known = {kind: (count, write) for kind, count, write in wrapping.formats()}
    lines = wrapping.lines(given.corpora.ordinary, 2 * wrapping.LINES)
    for number in range(sizes.documents):
        kind = KINDS[number % len(KINDS)]
        count, write = known[kind]
        count = min(count, sizes.lines)
        start = number * 100 % max(1, len(lines) - count)
        yield kind.replace(", ", " with "), write(lines[start : start + count])


def store(share: Share, files: int, endpoint: dict[str, str]) -> Share:
    """Put the first files of a share into the bucket ``share``, below its name. Return what is there."""
    bucket = S3Store(
        "share",
        endpoint=endpoint["AWS_ENDPOINT_URL"],
        region=endpoint["AWS_REGION"],
        access_key_id=endpoint["AWS_ACCESS_KEY_ID"],
        secret_access_key=endpoint["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
    )
    prefix, size = share.name.replace(" ", "-"), 0
    chosen = sorted(each for each in Path(share.where).rglob("*") if each.is_file())[:files]
    for file in chosen:
        data = file.read_bytes()
        obstore.put(bucket, f"{prefix}/{file.relative_to(share.where)}", data)
        size += len(data)
    return Share(f"{share.name}, S3", f"s3://share/{prefix}", len(chosen), size)
