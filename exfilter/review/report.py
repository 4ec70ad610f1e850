"""The report of a case: one page of HTML to print, with nothing from anywhere else in it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from exfilter import __version__
from exfilter.ledger import acts
from exfilter.quarantine import Entry
from exfilter.review import why
from exfilter.review.affected import HELD, SENT, affected
from exfilter.review.cases import REPORT, Case, MemberKind
from exfilter.review.desk import Desk
from exfilter.review.rendering import environment
from exfilter.review.traces import TraceResult, read

COUNTED = tuple((state, certainty) for state in (SENT, HELD) for certainty in ("identified", "possible"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A transfer of a case."""

    id: str
    entry: Entry | None
    """None: it is not in the quarantine any more."""

    @property
    def sentences(self) -> list[str]:
        """Why it was held."""
        return why.sentences(self.entry) if self.entry else []

    @property
    def versions(self) -> list[tuple[str, str]]:
        """What decided."""
        return why.versions(self.entry) if self.entry else []


def entries(desk: Desk, case: Case) -> list[Shown]:
    """Return the transfers of a case."""
    return [Shown(each, _entry(desk, each)) for each in case.named(MemberKind.TRANSFER)]


def traces_of(case: Case) -> list[tuple[str, TraceResult]]:
    """Return its traces by name."""
    return [(each.name, read(each.content)) for each in case.members if each.kind is MemberKind.TRACE]


def of(desk: Desk, number: int, who: str, reason: str) -> str:
    """Return the page. It is recorded first, as a list of customers and as a report.

    Raises ValueError or OSError where the index that knows the customers' ids is not there.
    """
    case = desk.cases.get(number)
    found = affected(desk.given, desk.ledger, case)
    about = f"case {number}"
    desk.record(who, acts.LIST, [f"{about}; {len(found.rows)} customers as html"], reason)
    desk.record(who, REPORT, [about], reason)
    counts = [(state, certainty, found.count(state, certainty)) for state, certainty in COUNTED]
    return environment().get_template("desk/report.html").render(
        case=case, entries=entries(desk, case), traces=traces_of(case), affected=found, counts=counts,
        actors=case.named(MemberKind.ACTOR), who=who, made=time.time(), version=__version__,
    )  # fmt: skip


def _entry(desk: Desk, transfer_id: str) -> Entry | None:
    try:
        return desk.quarantine.show(transfer_id)
    except ValueError:
        return None
