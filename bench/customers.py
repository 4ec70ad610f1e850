"""A table of invented customers, streamed to disk: seeded, and as frequent in its values as a real one.

``python -m bench.customers --customers 1_000_000 --out bench/data``. Nobody in it exists; common
names and whole ranges of numbers meet real ones by chance, as they do in any table of this size.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench import phones
from bench.names import Population, populations

COLUMNS = "customer_id", "name", "email", "phone", "ticket", "country"
GENERATOR = 1
"""Raised when the same parameters give another table."""
CHUNK = 100_000
"""Rows in memory at a time."""
DENSITY = 0.8
"""Tickets of customers among the numbers that were handed out."""
FIRST_TICKET = 20_000_000
PROVIDERS = {
    "gmail.com": 48, "yahoo.com": 13, "hotmail.com": 11, "outlook.com": 7, "icloud.com": 5, "aol.com": 5,
    "msn.com": 1.5, "live.com": 1.5, "comcast.net": 1.5, "protonmail.com": 1, "gmx.de": 1.5, "web.de": 1.5,
    "t-online.de": 0.7, "yahoo.co.uk": 0.7, "btinternet.com": 0.4, "orange.fr": 0.6, "libero.it": 0.5,
    "wp.pl": 0.4, "seznam.cz": 0.2, "mail.ru": 0.3, "qq.com": 0.3, "naver.com": 0.1, "uol.com.br": 0.3,
}  # fmt: skip
"""70 % of the customers have their address here."""
_COMPANY = (
    "systems logistics consulting partners group solutions design media foods travel legal energy works"
)
_ENDINGS = "com com com com com net org io de co.uk fr nl com.br it eu"
_SEPARATORS = np.array(["", "", ".", ".", ".", "_", "-"], dtype=object)


@dataclass(frozen=True, slots=True)
class Spec:
    """What determines a table, byte by byte."""

    customers: int
    seed: int = 2019
    phones: Literal["e164", "as written"] = "e164"
    generator: int = GENERATOR

    @property
    def name(self) -> str:
        """The file's name: ``customers-12m.csv``, ``customers-1m-as-written.csv``."""
        written = "" if self.phones == "e164" else "-as-written"
        return f"customers-{label(self.customers)}{written}.csv"


def label(number: int) -> str:
    """Write a round number short: ``100k``, ``12m``."""
    for unit, sign in ((1_000_000, "m"), (1_000, "k")):
        if number and number % unit == 0:
            return f"{number // unit}{sign}"
    return str(number)


def make(spec: Spec, folder: Path) -> Path:
    """Return the table's file; it is written where there is none of these parameters yet."""
    path, about = folder / spec.name, folder / f"{spec.name}.json"
    wanted = asdict(spec)
    if path.exists() and about.exists() and json.loads(about.read_text())["spec"] == wanted:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    about.unlink(missing_ok=True)
    partial, digest = path.with_suffix(".partial"), hashlib.sha256()
    with partial.open("wb") as out:
        for chunk in rows(spec):
            block = chunk.encode()
            digest.update(block)
            out.write(block)
    partial.replace(path)
    about.write_text(json.dumps({"spec": wanted, "bytes": path.stat().st_size, "sha256": digest.hexdigest()}))
    return path


def rows(spec: Spec) -> Iterator[str]:
    """Yield the table as text: the header, then the rows of `CHUNK` customers at a time."""
    yield ",".join(COLUMNS) + "\n"
    people = populations(spec.seed, rare=min(150_000, max(100, spec.customers // 80)))
    domains = _Domains(spec.seed, people)
    for number, first in enumerate(range(0, spec.customers, CHUNK)):
        rng = np.random.default_rng([spec.seed, 2, number])
        yield _chunk(spec, first, min(CHUNK, spec.customers - first), _Sources(people, domains), rng)


class _Domains:
    """Where people have their address: providers, and 30,000 invented companies of uneven size."""

    def __init__(self, seed: int, people: list[Population]) -> None:
        rng = np.random.default_rng([seed, 3])
        share = 1 / (np.arange(30_000) + 20.0)
        surnames = people[0].last
        names = surnames.mailed[surnames.draw(rng, len(share))].tolist()
        trades = rng.choice(np.array(_COMPANY.split()), len(share)).tolist()
        endings = rng.choice(np.array(_ENDINGS.split()), len(share)).tolist()
        companies = [f"{name}-{trade}.{end}" for name, trade, end in zip(names, trades, endings, strict=True)]
        provided = np.fromiter(PROVIDERS.values(), dtype=np.float64)
        chances = np.concatenate([0.7 * provided / provided.sum(), 0.3 * share / share.sum()])
        self.names = np.array([*PROVIDERS, *companies], dtype=object)
        self.chance = chances
        self._cumulative = np.cumsum(chances)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.intp]:
        drawn = np.searchsorted(self._cumulative, rng.random(count), side="right")
        return np.minimum(drawn, len(self.names) - 1)


@dataclass(frozen=True, slots=True)
class _Sources:
    people: list[Population]
    domains: _Domains


@dataclass(frozen=True, slots=True)
class _Persons:
    """The names of a chunk; arrays of one length."""

    written: NDArray[np.object_]
    first: NDArray[np.object_]
    """As in an e-mail address."""
    last: NDArray[np.object_]
    chance: NDArray[np.float64]
    """How likely somebody has this first and last name."""
    country: NDArray[np.str_]


def _chunk(spec: Spec, first: int, count: int, sources: _Sources, rng: np.random.Generator) -> str:
    persons = _persons(sources.people, count, rng)
    emails = _emails(persons, sources.domains, spec.customers, rng)
    numbers = np.full(count, "", dtype=object)
    reached = np.flatnonzero(rng.random(count) < 0.6)
    numbers[reached] = phones.draw(persons.country[reached], rng, as_written=spec.phones != "e164")
    columns = (
        range(first + 1, first + count + 1),
        persons.written.tolist(),
        emails,
        numbers.tolist(),
        _tickets(first, count, rng).tolist(),
        persons.country.tolist(),
    )
    return "".join(map("C-%08d,%s,%s,%s,TM-%08d,%s\n".__mod__, zip(*columns, strict=True)))


def _tickets(first: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw from a range of its own for each chunk, so that no number is drawn twice."""
    start, end = (FIRST_TICKET + int(row / DENSITY) for row in (first, first + count))
    return start + rng.choice(end - start, count, replace=False)


def _persons(people: list[Population], count: int, rng: np.random.Generator) -> _Persons:
    shares = np.array([population.share for population in people])
    of = rng.choice(len(people), count, p=shares / shares.sum())
    written, mailed_first, mailed_last = (np.empty(count, dtype=object) for _ in range(3))
    some = _Persons(written, mailed_first, mailed_last, np.empty(count), np.empty(count, dtype="<U2"))
    for number, population in enumerate(people):
        rows = np.flatnonzero(of == number)
        first, last = population.first.draw(rng, len(rows)), population.last.draw(rng, len(rows))
        some.first[rows], some.last[rows] = population.first.mailed[first], population.last.mailed[last]
        some.chance[rows] = population.share * population.first.chance[first] * population.last.chance[last]
        some.country[rows] = population.countries[rng.integers(0, len(population.countries), len(rows))]
        some.written[rows] = _written(population, first, last, rng)
    return some


def _written(
    population: Population, first: NDArray[np.intp], last: NDArray[np.intp], rng: np.random.Generator
) -> list[str]:
    """Write the names: one in twenty with a middle initial, second surnames where they are usual."""
    given, family = population.first.written[first].tolist(), population.last.written[last].tolist()
    if population.two_surnames:
        second = population.last.written[population.last.draw(rng, len(first))].tolist()
        both = (rng.random(len(first)) < 0.6).tolist()
        family = [f"{a} {b}" if two else a for a, b, two in zip(family, second, both, strict=True)]
    elif population.form == "{first} {last}":
        middle = rng.integers(0, 26 * 20, len(first)).tolist()
        given = [f"{a} {chr(65 + m)}." if m < 26 else a for a, m in zip(given, middle, strict=True)]
    if population.form == "{first} {last}":
        return [f"{a} {b}" for a, b in zip(given, family, strict=True)]
    return [population.form.format(first=a, last=b) for a, b in zip(given, family, strict=True)]


def _emails(persons: _Persons, domains: _Domains, customers: int, rng: np.random.Generator) -> list[str]:
    """Make addresses of the names; where a provider has many who bear one, a number is added."""
    count = len(persons.first)
    at = domains.draw(rng, count)
    first, last, swapped = persons.first.copy(), persons.last.copy(), rng.random(count)
    initial = rng.random(count) < 0.2
    first[initial] = [name[:1] for name in first[initial].tolist()]
    turned = swapped < 0.08
    first[turned], last[turned] = last[turned], first[turned].copy()
    separators = _SEPARATORS[rng.integers(0, len(_SEPARATORS), count)].tolist()
    rivals = customers * persons.chance * domains.chance[at] * np.where(initial, 20.0, 0.5)
    suffixes = _suffixes(rivals, rng)
    parts = zip(first.tolist(), separators, last.tolist(), suffixes, domains.names[at].tolist(), strict=True)
    return list(map("%s%s%s%s@%s".__mod__, parts))


def _suffixes(rivals: NDArray[np.float64], rng: np.random.Generator) -> list[str]:
    """Return digits for the end of each address: years or numbers, the longer the more rivals there are."""
    count = len(rivals)
    fancy = rng.random(count)
    top = 10.0 ** np.ceil(np.log10(np.maximum(100.0, rivals * 200)))
    drawn = (rng.random(count) * top).astype(np.int64)
    years = rng.integers(1950, 2006, count)
    numbers = np.where(fancy < 0.12, years, np.where(fancy < 0.2, years % 100, drawn))
    crowded = rivals > 0.05
    numbers = np.where(crowded & (rivals > 0.5), drawn, numbers)
    bare = (fancy >= 0.35) & ~crowded
    return ["" if no else str(number) for no, number in zip(bare.tolist(), numbers.tolist(), strict=True)]


def main() -> None:
    """Write one table and say where."""
    parser = argparse.ArgumentParser(prog="python -m bench.customers", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--phones", choices=("e164", "as written"), default="e164")
    parser.add_argument("--out", type=Path, default=Path("bench/data"))
    given = parser.parse_args()
    begun = time.process_time()
    path = make(Spec(given.customers, given.seed, given.phones), given.out)
    print(f"{path}: {path.stat().st_size / 1e6:,.0f} MB, {time.process_time() - begun:.1f} s of CPU")  # noqa: T201


if __name__ == "__main__":
    main()
