"""Text that holds no customer: what lies about on this machine, and API traffic made of its words."""

from __future__ import annotations

import gzip
import json
import random
import re
import sysconfig
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MEGABYTE = 1_000_000
LARGEST = 400_000
"""Bytes of one file: a few giants would stand for a whole kind."""
SMALLEST = 400

ADDRESS = re.compile(r"[^\s<>()\[\]{}\"'`,;:|=/\\@]+@[^\s<>()\[\]{}\"'`,;:|=/\\@]+")
REMOVED = "somebody@nowhere.invalid"
"""Stands where a customer's address stood."""

_NAME_LISTS = {"faker", "names"}
"""Packages that the customers' names are drawn from: no ordinary text."""
_WORD = re.compile(r"[A-Za-z]{3,14}")


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of ordinary text: where it is found, and its share of the whole."""

    name: str
    share: float
    roots: tuple[str, ...]
    endings: tuple[str, ...]


def sources() -> tuple[Source, ...]:
    """Return the kinds of text that a Linux machine with this Python has."""
    python = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
    docs = ("/usr/share/doc", "/usr/share/perl", "/usr/share/common-licenses", *python)
    return (
        Source(
            "changelogs", 0.4, ("/usr/share/doc",), ("changelog.gz", "changelog.Debian.gz", "NEWS.gz", "NEWS")
        ),
        Source(
            "docs", 0.2, docs, (".md", ".rst", ".txt", ".txt.gz", ".html", ".pod", "copyright", "README.gz")
        ),
        Source("Python source", 0.25, python, (".py",)),
        Source("C headers", 0.15, ("/usr/include",), (".h", ".hpp")),
    )


def ordinary(size: int, seed: int, found: Iterable[Source] | None = None) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of files, about ``size`` bytes in all. Kinds that are short are left short."""
    for source in sources() if found is None else found:
        wanted = int(size * source.share)
        files = sorted(set(_files(source)))
        random.Random(seed).shuffle(files)  # noqa: S311 - seeded on purpose
        for file in files:
            if wanted <= 0:
                break
            text = _read(file)
            if text is not None:
                wanted -= len(text.encode())
                yield source.name, text


def _files(source: Source) -> Iterator[Path]:
    for root in source.roots:
        for file in Path(root).rglob("*"):
            if file.name.endswith(source.endings) and not _NAME_LISTS & set(file.parts) and file.is_file():
                yield file


def _read(file: Path) -> str | None:
    """Return a file's text; None where it is no UTF-8 or too short. Cut at `LARGEST`, at a line's end."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            data = stream.read(LARGEST)
            if len(data) == LARGEST:
                data = data[: data.rfind(b"\n") + 1]
            text = data.decode()
    except (OSError, EOFError, UnicodeDecodeError):
        return None
    return text if len(data) >= SMALLEST and "\0" not in text else None


def normal(address: str) -> str:
    """Return an address as loosely as anybody could read it: no case, no tag, no dots, no quotes."""
    local, _, domain = address.lower().partition("@")
    return local.split("+")[0].replace(".", "").strip("*_-~!#") + "@" + domain.strip(".*_-~!?#")


def addresses(text: str) -> Iterator[str]:
    """Yield every address in a text in its `normal` form, also those inside longer ones."""
    for found in ADDRESS.findall(text):
        yield normal(found)


def without(text: str, theirs: set[str]) -> tuple[str, int]:
    """Return the text with the addresses in ``theirs`` put out, and how many there were."""
    removed = 0

    def put_out(match: re.Match[str]) -> str:
        nonlocal removed
        if normal(match[0]) not in theirs:
            return match[0]
        removed += 1
        return REMOVED

    return ADDRESS.sub(put_out, text), removed


def words(texts: Iterable[str], most: int = 20_000) -> list[str]:
    """Return words of the texts, as they are written, in the order in which they turn up."""
    seen: dict[str, None] = {}
    for text in texts:
        seen.update(dict.fromkeys(_WORD.findall(text[:20_000])))
        if len(seen) >= most:
            break
    return list(seen)[:most]


def traffic(size: int, seed: int, vocabulary: list[str]) -> Iterator[str]:
    """Yield answers of an invented web API, a JSON document a line, about ``size`` bytes in all."""
    rng = random.Random(seed)  # noqa: S311 - seeded on purpose
    while size > 0:
        items = [_item(rng, vocabulary) for _ in range(rng.randint(5, 60))]
        page = {"page": rng.randint(1, 400), "total": rng.randint(60, 90_000), "items": items}
        line = json.dumps(page, separators=(",", ":"), ensure_ascii=False) + "\n"
        size -= len(line.encode())
        yield line


def _item(rng: random.Random, vocabulary: list[str]) -> Mapping[str, object]:
    def some(least: int, most: int) -> str:
        return " ".join(rng.choices(vocabulary, k=rng.randint(least, most)))

    made = rng.randint(1_500_000_000, 1_760_000_000)
    return {
        "id": rng.randint(1, 99_999_999),
        "uuid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "created_at": datetime.fromtimestamp(made, UTC).isoformat().replace("+00:00", "Z"),
        "updated": made * 1000 + rng.randint(0, 10**9),
        "title": some(2, 8),
        "state": rng.choice(["open", "closed", "pending", "done"]),
        "etag": f"{rng.getrandbits(64):016x}",
        "amount": round(rng.lognormvariate(3, 2), 2),
        "position": {"lat": round(rng.uniform(-90, 90), 6), "lon": round(rng.uniform(-180, 180), 6)},
        "tags": [some(1, 1).lower() for _ in range(rng.randint(0, 5))],
        "owner": {"id": rng.randint(1, 10**9), "login": some(1, 1).lower(), "admin": rng.random() < 0.1},
        "counts": [rng.randint(0, 10 ** rng.randint(1, 9)) for _ in range(rng.randint(0, 6))],
        "body": some(5, 60),
        "link": f"https://api.example/v2/{some(1, 1)}/{rng.randint(1, 10**8)}?page={rng.randint(1, 99)}",
        "deleted": None,
    }


def kinds(texts: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return bytes by kind."""
    sizes: dict[str, int] = {}
    for kind, text in texts:
        sizes[kind] = sizes.get(kind, 0) + len(text.encode())
    return sizes
