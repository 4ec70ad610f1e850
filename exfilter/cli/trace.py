"""``exfilter trace``: from a few customers in criminal hands to who sent them, where to and when."""

from __future__ import annotations

import datetime as dt
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exfilter.cli.quarantine import As, Folder, Format, os_user, personal

if TYPE_CHECKING:
    from exfilter.index.cells import LeftOut
    from exfilter.index.listed import Listed
    from exfilter.index.store import Index
    from exfilter.ledger import Ledger
    from exfilter.ledger.holding import Crowd
    from exfilter.ledger.tracing import Asked, Evidence
    from exfilter.settings import Settings

UNKNOWN = "(unknown)"
"""An actor or a destination that has no name."""

Who = Annotated[
    str,
    typer.Option(
        "--reviewer",
        help="Who asks; it is written down.",
        default_factory=os_user,
        show_default="the OS user",
        callback=personal,
    ),
]
Why = Annotated[str, typer.Option("--reason", help="Why; it stays in `exfilter audit list`.")]
Table = Annotated[Path, typer.Argument(help="Table of the customers; see below.", metavar="VICTIMS.csv")]
Since = Annotated[str, typer.Option(help="Leave out transfers before this date.", metavar="DATE")]
Until = Annotated[str, typer.Option(help="Leave out transfers after this date.", metavar="DATE")]
Plot = Annotated[
    Path | None, typer.Option(help="Draw the ranking (.svg or .png).", metavar="FILE", show_default=False)
]
Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="KIND=COLUMN", help="What a column holds, as in index build, or date."),
]
Estimated = Annotated[bool, typer.Option("--estimated", help="Count those behind an estimate as sent, too.")]


def trace(
    victims: Table,
    reviewer: Who,
    since: Since = "",
    until: Until = "",
    format: As = Format.TABLE,  # noqa: A002 - the option's name
    plot: Plot = None,
    reason: Why = "",
    mapping: Mapping = None,
    config: Folder = Path(),
    *,
    estimated: Estimated = False,
) -> None:
    """Rank who may have leaked a few customers who are known to be in criminal hands.

    VICTIMS.csv has a column customer_id, or columns with e-mail addresses, phones or ticket numbers as the
    customer table has them; a name alone is nobody. A column date says when each was first misused: what was
    sent later is no source. Any other format that index build reads will do.

    Exit codes: 0 the trace was made, whether or not it names anybody, 2 an error.
    """
    from exfilter import settings
    from exfilter.cli.formats import charts
    from exfilter.index import keys
    from exfilter.index.store import Index
    from exfilter.ledger import open_ledger

    if plot is not None:
        charts.check(plot)
    given = settings.load(config)
    zone = _zone(given)
    between = _moment("--since", since, zone), _moment("--until", until, zone, ends=True)
    index = Index.open(given.index, keys.load(given.index_key))
    listed = _looked_up(victims, tuple(mapping or ()), given, index, zone)
    _say(victims, listed.left_out)
    ledger = open_ledger(given)
    try:
        asked = _asked(listed, between, estimated=estimated)
        found = _evidence(ledger, asked, index, given)
        # Before it is told.
        _noted(ledger, asked, reviewer, reason)
    finally:
        ledger.close()
    _print(found, asked, format, plot)


def _zone(given: Settings) -> dt.tzinfo:
    from exfilter.ledger.days import Calendar

    return Calendar.of(given.timezone).zone


def _moment(option: str, text: str, zone: dt.tzinfo, *, ends: bool = False) -> float | None:
    if not text:
        return None
    try:
        return seconds(text, zone, ends=ends)
    except ValueError:
        msg = f"{option} {text}: write a date such as 2026-08-31, or a time such as 2026-08-31T14:05"
        raise ValueError(msg) from None


def seconds(text: str, zone: dt.tzinfo, *, ends: bool = False) -> float:
    """Return a date or a time (ISO 8601) as seconds since the epoch. Raises ValueError.

    Without an offset it is of ``zone``. ``ends``: of a date alone, the end of the day.
    """
    found = dt.datetime.fromisoformat(text)
    if ends and len(text) <= len("2026-08-31"):
        found += dt.timedelta(days=1)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()


def _looked_up(
    victims: Path, mapping: tuple[str, ...], given: Settings, index: Index, zone: dt.tzinfo
) -> Listed:
    from exfilter.index import keys
    from exfilter.index.listed import Request, look_up

    # Of a day without a time all that was sent on it counts.
    read = partial(seconds, zone=zone, ends=True)
    request = Request(victims, mapping, given.region, read)
    return look_up(given.index, keys.load(given.index_key), index, request)


def _say(file: Path, left_out: LeftOut) -> None:
    for reason, count in left_out.counts.items():
        lines = ", ".join(map(str, left_out.lines[reason])) + (
            ", ..." if count > len(left_out.lines[reason]) else ""
        )
        typer.echo(f"exfilter: {file}: {count} x {reason} (lines {lines})", err=True)


def _asked(listed: Listed, between: tuple[float | None, float | None], *, estimated: bool) -> Asked:
    """Return each customer once, misused on the first of his dates."""
    import math

    import numpy as np

    from exfilter.ledger.holding import Victims
    from exfilter.ledger.tracing import Asked

    called = np.array([math.inf if date is None else date for date in listed.date], dtype=np.float64)
    known = listed.ordinal >= 0
    ordinals, place = np.unique(listed.ordinal[known], return_inverse=True)
    first = np.full(len(ordinals), math.inf)
    np.minimum.at(first, place, called[known])
    victims = Victims(first, int((~known).sum()), int(known.sum()) - len(ordinals))
    since, until = between
    return Asked(
        victims,
        ordinals,
        -math.inf if since is None else since,
        math.inf if until is None else until,
        estimated,
    )


def _evidence(ledger: Ledger, asked: Asked, index: Index, given: Settings) -> Evidence:
    from exfilter import policy
    from exfilter.ledger import declared
    from exfilter.ledger.tracing import evidence

    rules = policy.load(given.policy)
    try:
        found = evidence(
            ledger,
            asked,
            index.customers,
            partial(declared.groups, given, rules, ledger.known_as),
        )
    except LookupError:
        msg = f"the ledger {given.ledger} is empty: no transfer with customers has passed a proxy with it yet"
        raise ValueError(msg) from None
    _say_groups(found.actors)
    return found


def _say_groups(actors: Crowd) -> None:
    grouped, everybody = int((actors.groups > 0).sum()), len(actors.groups)
    if not grouped:
        typer.echo("exfilter: no peer groups are known: declare them, or a team looks like thieves", err=True)
    elif grouped < everybody:
        typer.echo(f"exfilter: the peer group of {grouped:,} of {everybody:,} actors is known", err=True)


def _noted(ledger: Ledger, asked: Asked, reviewer: str, reason: str) -> None:
    from exfilter.ledger import acts

    acts.record(ledger, reviewer, acts.TRACE, [f"{len(asked.victims)} victims"], reason)


def _print(found: Evidence, asked: Asked, format_: Format, plot: Path | None) -> None:
    from exfilter.cli.formats import charts
    from exfilter.cli.formats.traces import write_json, write_tables
    from exfilter.cli.formats.tracewords import Names
    from exfilter.ledger.trace import trace as ranked

    actors, places = (
        [name or UNKNOWN for name in names] for names in (found.actor_names, found.destination_names)
    )
    names = Names(actors, places, found.transfers)
    result = ranked(found.carried, asked.victims, found.actors, found.destinations, outside=found.outside)
    (write_json if format_ is Format.JSON else write_tables)(result, names, sys.stdout)
    if plot is not None:
        charts.draw_ranking(result, names, plot)
