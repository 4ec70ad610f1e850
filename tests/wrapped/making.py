"""The customers that the catalogue is made of, and the pipeline that must find them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from detectors.terms import Terms
from exfilter import policy
from exfilter.index.build import Options, build
from exfilter.index.store import Index
from exfilter.limits import Limits
from exfilter.scan import Engine, Pipeline
from fixtures.customers import Customer, customers, write_csv
from fixtures.wrapped import catalogue
from fixtures.wrapped.made import Wrapped
from fixtures.wrapped.sent import transfer
from tests.index import making
from tests.wrapped.clock import within

CUSTOMERS, SEED = 5_000, 11


@cache
def people() -> list[Customer]:
    """Return the whole table."""
    return list(customers(CUSTOMERS, SEED))


@cache
def files() -> list[Wrapped]:
    """Return the catalogue of this table."""
    return catalogue(people(), SEED)


def pipeline(folder: Path) -> Pipeline:
    """Return a pipeline on the index of the table, with the policy of a fresh ``exfilter init``."""
    table = folder / "customers.csv"
    write_csv(table, CUSTOMERS, SEED)
    build(table, folder / "index", making.key(), Options())
    engine = Engine(Index.open(folder / "index", making.key()), Terms({}))
    return Pipeline(engine, policy.read(policy.default_policy_text().encode()), Limits())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file."""

    wrapped: Wrapped
    found: frozenset[str]
    """Of those whom it must yield."""
    customers: int
    """That the verdict counts."""
    reasons: frozenset[str]
    holds: bool

    @property
    def missing(self) -> int:
        """Customers that it must yield and does not."""
        return len(self.wrapped.expected) - len(self.found)


def examined(pipeline: Pipeline, wrapped: Wrapped, seconds: float = 60) -> Outcome:
    """Return what comes of a file."""
    verdict = pipeline.examine(transfer(wrapped), within(seconds))
    findings = verdict.findings
    named = (findings.identified, findings.estimated_ordinals)
    ids = {each for ordinals in named for each in pipeline.engine.index.customer_ids(ordinals)}
    return Outcome(
        wrapped,
        frozenset(ids & wrapped.expected),
        findings.customers,
        frozenset(item.reason.value for item in findings.unscanned),
        verdict.action.holds,
    )
