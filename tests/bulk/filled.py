"""Runs whose results were invented, not scanned."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from exfilter.bulk.finished import Ranked
from exfilter.bulk.state import State, as_bytes
from exfilter.bulk.tables import items
from exfilter.model import Versions
from exfilter.stores import Item

ROOT = "/srv/share/"
CUSTOMER = "customer-4711"
"""The id of a customer, who stands in every result with customers."""


@dataclass(frozen=True, slots=True)
class File:
    """A file with its result."""

    key: str
    size: int = 10
    customers: int = 0
    held: bool = False
    unread: str = ""
    owner: str = "ann"
    rule: str = "default"
    content: bytes = b""
    """Empty: that of no other."""
    day: str = "2026-11-23"
    root: str = ROOT

    @property
    def item(self) -> Item:
        """It as it was listed."""
        return Item(self.root, self.key, self.size, owner=self.owner)

    @property
    def result(self) -> str:
        """What a scan says of it."""
        unread = [{"part": "x", "reason": each, "bytes": 1} for each in self.unread.split(",") if each]
        return json.dumps(
            {
                "path": self.item.url, "rule": self.rule, "customers": self.customers,
                "identified": self.customers, "estimated": 0, "unscanned": unread, "bytes": self.size,
                "customer_ids": [CUSTOMER] * min(self.customers, 1), "fields": {"email": 1}, "seconds": 0.5,
            }
        )  # fmt: skip

    @property
    def row(self) -> dict[str, object]:
        """Its row in the state."""
        names = {
            name: as_bytes(getattr(self.item, name)) for name in ("root", "key", "owner", "folder", "type")
        }
        return names | {
            "version": "v", "size": self.size, "problem": "", "reason": "malformed", "ranges": 0,
            "day": self.day, "digest": self.content or None, "held": self.held, "customers": self.customers,
            "unread": self.unread, "result": self.result,
        }  # fmt: skip


@contextmanager
def run(folder: Path, files: Iterable[File], *, left: int = 0) -> Iterator[State]:
    """Yield the state of a run with these results, and so many files that have none."""
    with closing(State(folder)) as state:
        state.tell({"urls": json.dumps([ROOT]), "listed": "yes"})
        state.judged_by(Versions("1", 1, "none", "index-1", "policy-1"))
        rows = [file.row for file in files]
        with state._database.transaction(writes=True) as connection:
            if rows:
                connection.execute(sa.insert(items), rows)
        list(state.list((Item("/left/", str(number)), ()) for number in range(left)))
        yield state


def expected(files: list[File]) -> list[Ranked]:
    """Return what the page has to list, made the slow way."""
    firsts: dict[bytes, str] = {}
    for file in sorted(files, key=lambda file: -file.customers):
        firsts.setdefault(file.content, file.item.url)
    rows = []
    for number, file in enumerate(files):
        path = file.item.url
        cut = path.rfind("/") + 1
        first = firsts[file.content] if file.content else path
        row = Ranked(
            path[:cut], path[cut:], file.size, file.customers, file.held, file.rule, file.unread, file.owner,
            file.item.type, "" if first == path else first,
        )  # fmt: skip
        rows.append((not file.held, -file.customers, not file.unread, number, row))
    return [row for *_, row in sorted(rows)]


def many(number: int, seed: int = 3) -> list[File]:
    """Return so many files, in folders by dozens."""
    chance = random.Random(seed)
    endings = ("csv", "txt", "docx", "pdf", "")
    files = []
    for at in range(number):
        customers = chance.choice((0, 0, 0, 0, 1, 40, 900))
        files.append(
            File(
                f"team {at % 40}/year {at % 1200 // 40}/{chance.choice(('plan', 'list', 'Übersicht'))} {at}."
                + chance.choice(endings),
                chance.randrange(10**7),
                customers,
                held=customers > 20,
                unread=chance.choice(("", "", "", "encrypted", "deadline,malformed")),
                owner=f"user {at % 30}",
                rule="many" if customers > 20 else "default",
                content=(at % (number - number // 10)).to_bytes(8, "big"),
                day=f"2026-11-{20 + at * 3 // number}",
            )
        )
    return files
