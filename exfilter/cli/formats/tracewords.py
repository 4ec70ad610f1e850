"""What a trace found, in plain sentences. Numbers and names of actors only, no customers."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exfilter.cli.formats import printable
from exfilter.ledger.judgement import MOST, Outcome, Why
from exfilter.ledger.trace import Trace


@dataclass(frozen=True, slots=True)
class Names:
    """What the numbers of a trace are called. As they are, or pseudonyms."""

    actors: Sequence[str]
    """By place in the crowd."""
    destinations: Sequence[str]
    transfers: Sequence[str]
    """Transfer ids, by place in ``Carried``."""


def number(value: float) -> str:
    """Return a small or large number as people read it."""
    if value == 0.0:
        return "below 1e-300"
    if 100 <= value < 1e6:
        return f"{value:,.0f}"
    return f"{value:.2g}"


def moment(seconds: float) -> str:
    """Return a time as ISO 8601, UTC. Empty: there is none."""
    if not math.isfinite(seconds):
        return ""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plural(count: int, noun: str) -> str:
    """Return ``1 victim`` or ``3 victims``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def actor(trace: Trace, names: Names, row: int) -> str:
    """Return who stands in a row of the ranking, safe to print."""
    return printable(names.actors[int(trace.actors.holder[row])])


def sentence(trace: Trace, names: Names) -> str:
    """Return what the data supports, in one sentence."""
    verdict, who = trace.verdict, [actor(trace, names, row) for row in trace.verdict.suspects]
    if verdict.outcome is Outcome.NOBODY:
        return f"Nobody is named: {_why(trace, names)}."
    if verdict.outcome is Outcome.NAMED:
        lead = (
            "nobody else holds any" if math.isinf(verdict.lead) else f"{number(verdict.lead)} times likelier"
        )
        lead += "" if math.isinf(verdict.lead) else " than the next"
        return (
            f"{who[0]} is named: sent {_share(trace, verdict.suspects[0])}, {lead}; {_by_chance(trace, 0)}."
        )
    several = f"{', '.join(who[:-1])} and {who[-1]}"
    if verdict.why is Why.TOGETHER:
        return f"Several are named: {several}, who sent different victims, each more than chance gives."
    return f"It is one of several: {several} sent nearly the same victims, so they cannot be told apart."


def _why(trace: Trace, names: Names) -> str:
    match trace.verdict.why:
        case Why.NO_VICTIMS:
            return "none of the list is a customer of the index"
        case Why.NEVER_SENT:
            return f"no transfer carried any of the {plural(len(trace.victims), 'victim')} in time"
        case Why.ONLY_BULK:
            return "only declared bulk senders sent any of the victims"
        case Why.ONE_VICTIM:
            return "nobody sent more than one of the victims that tell, and one may be known from anywhere"
        case _:
            return f"chance may have done it; {actor(trace, names, 0)} is first, and {_by_chance(trace, 0)}"


def _by_chance(trace: Trace, place: int) -> str:
    suspects = trace.verdict.suspects
    chance = number(float(trace.actors.corrected[suspects[place] if suspects else 0]))
    return f"among {plural(trace.actors.tried, 'innocent actor')} one does as well with a chance of {chance}"


def _share(trace: Trace, row: int) -> str:
    return f"{int(trace.actors.victims()[row])} of {plural(len(trace.victims), 'victim')}"


def remarks(trace: Trace, names: Names) -> Iterator[str]:
    """Yield what else there is to say: who is covered, what more victims would change, what was held."""
    yield _counted(trace)
    first = trace.verdict.suspects[0] if trace.verdict.suspects else 0
    if trace.pair is not None:
        both = f"{actor(trace, names, 0)} and {actor(trace, names, trace.pair.second)}"
        yield f"{both} together sent {trace.pair.victims} of {plural(len(trace.victims), 'victim')}."
    if trace.further is not None:
        yield from _further(actor(trace, names, first), trace.further.settle, trace.further.clear)
    stopped = trace.transfers.stopped.tolist()
    if stopped:
        yield f"{plural(len(stopped), 'transfer')} with victims never left, and cannot be a source."
    if trace.transfers.late:
        late = plural(trace.transfers.late, "transfer")
        yield f"{late} with victims left after their misuse, and cannot be a source."


def _counted(trace: Trace) -> str:
    victims = trace.victims
    parts = [
        plural(len(victims), "victim") + " in the index",
        f"{victims.unknown:,} unknown to it",
        f"{victims.repeated:,} repeated",
        f"{trace.explained:,} sent in time",
        f"{trace.not_in_time:,} sent too late or held",
        f"{trace.never_sent:,} never sent",
    ]
    if trace.outside:
        parts.append(f"{trace.outside:,} not sent in this time")
    return ", ".join(parts) + "."


def _further(who: str, settle: int | None, clear: int | None) -> Iterator[str]:
    if settle is None:
        yield f"Not even {MOST} further victims, all sent by {who}, would settle it."
    elif settle:
        yield f"{plural(settle, 'further victim')} would settle it, if {who} sent {_all(settle)}."
    if clear:
        yield f"{plural(clear, 'further victim')} would clear {who}, if {who} sent none of them."


def _all(count: int) -> str:
    return "that one as well" if count == 1 else "all of them"
