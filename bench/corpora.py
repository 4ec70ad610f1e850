"""What is scanned: ordinary text and API traffic that hold no customer, the leak, and many hits.

All of it belongs to one customer table and lies in a folder beside it. Made once, and again when a
parameter changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import customers, leaks, texts
from bench.customers import Spec
from bench.leaks import Leak

CORPORA = 1
"""Raised when the same parameters give other texts."""
ORDINARY, TRAFFIC = 64 * texts.MEGABYTE, 50 * texts.MEGABYTE
MANY = 250_000, 500_000, 1_000_000
"""Values of customers in one transfer."""


@dataclass(frozen=True, slots=True)
class Corpora:
    """Files and what is known of them."""

    folder: Path
    about: dict[str, Any]
    """Sizes, digests, and how many customers' addresses were taken out of the text."""

    @property
    def ordinary(self) -> Path:
        """One file of changelogs, docs and source."""
        return self.folder / "ordinary.txt"

    @property
    def tree(self) -> Path:
        """The same text as a folder of many files."""
        return self.folder / "ordinary"

    @property
    def traffic(self) -> Path:
        """API answers, a JSON document a line."""
        return self.folder / "traffic.jsonl"

    @property
    def leaks(self) -> list[Leak]:
        """The files of the leak, the whole one first."""
        return [Leak(file, tuple(fields), count) for file, fields, count in self.about["leaks"]]

    @property
    def leaked(self) -> set[str]:
        """Ids of the customers in the leak."""
        return set((self.folder / "leaked.ids").read_text().split())

    def many(self, values: int) -> Path:
        """Return the transfer that holds that many values of customers."""
        return self.folder / f"hits-{customers.label(values)}.csv"


def make(spec: Spec, table: Path, seed: int = 7) -> Corpora:
    """Return the corpora of a customer table; they are made where there are none of these parameters."""
    folder = table.with_name(f"texts-{table.stem}")
    wanted = {"corpora": CORPORA, "seed": seed, "table": asdict(spec), "sizes": [ORDINARY, TRAFFIC]}
    file = folder / "about.json"
    if file.exists() and (about := json.loads(file.read_text()))["made of"] == wanted:
        return Corpora(folder, about)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = Corpora(folder, {"made of": wanted})
    _clean(made, table, seed)
    picked = leaks.pick(table, spec.customers, seed)
    (folder / "leaked.ids").write_text("\n".join(row["customer_id"] for row in picked))
    made.about["leaks"] = [[leak.file, leak.fields, leak.customers] for leak in leaks.write(picked, folder)]
    made.about["rows of hits"] = {str(count): leaks.hits(table, count, made.many(count)) for count in MANY}
    for path in (made.ordinary, made.traffic, folder / "leak-whole.csv"):
        made.about[path.name] = {"bytes": path.stat().st_size, "sha256": _digest(path)}
    file.write_text(json.dumps(made.about, indent=1))
    return made


def _clean(made: Corpora, table: Path, seed: int) -> None:
    """Write the texts without customers. Their addresses are looked for in plain, not with the index."""
    found = list(texts.ordinary(ORDINARY, seed))
    theirs = of_customers({address for _, text in found for address in texts.addresses(text)}, table)
    removed = 0
    made.tree.mkdir()
    with made.ordinary.open("w", encoding="utf-8", newline="") as whole:
        for number, (_, text) in enumerate(found):
            cleaned, here = texts.without(text, theirs)
            removed += here
            whole.write(cleaned)
            (made.tree / f"{number:05}.txt").write_text(cleaned, encoding="utf-8", newline="")
    vocabulary = texts.words(text for _, text in found[::7])
    with made.traffic.open("w", encoding="utf-8", newline="") as out:
        out.writelines(texts.traffic(TRAFFIC, seed, vocabulary))
    made.about["kinds"] = texts.kinds(found)
    made.about["files"] = len(found)
    made.about["addresses of customers removed"] = removed
    for path in (made.ordinary, made.traffic):
        left = of_customers(set(texts.addresses(path.read_text(encoding="utf-8"))), table)
        if left:
            msg = f"{path} still holds {len(left)} customers' addresses"
            raise RuntimeError(msg)


def of_customers(found: set[str], table: Path) -> set[str]:
    """Return those of the addresses that are a customer's: every row is compared."""
    with table.open(encoding="utf-8") as lines:
        column = next(lines).rstrip("\n").split(",").index("email")
        return {address for line in lines if (address := texts.normal(line.split(",")[column])) in found}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    """Make the texts for one table and print what is known of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpora", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path("bench/data"))
    given = parser.parse_args()
    spec = Spec(given.customers)
    made = make(spec, customers.make(spec, given.out))
    print(json.dumps({**made.about, "folder": str(made.folder)}, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
