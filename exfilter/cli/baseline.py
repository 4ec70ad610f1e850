"""``exfilter baseline``: what is normal for an actor, and how unusual a day of his is."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exfilter import settings
from exfilter.cli import dates
from exfilter.cli.formats import charts, printable
from exfilter.cli.quarantine import Format

if TYPE_CHECKING:
    import sqlalchemy as sa

    from exfilter.ledger import Ledger
    from exfilter.ledger.deviation import Deviation, Measure

UNKNOWN = 2


def baseline(
    actor: Annotated[str, typer.Argument(help="Actor, as the ledger calls him or as the proxy knows him.")],
    day: Annotated[str, typer.Option("--day", metavar="DATE", help="As 2026-11-22. Default: today.")] = "",
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw his customers over time: .svg or .png.")
    ] = None,
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
) -> None:
    """Compare a day of an actor with his own past and with his peers.

    The probability is that of a day with at least so many, under the stated model. Exit codes: 0 done,
    2 an error, or nothing is known of this actor.
    """
    from exfilter.ledger import open_ledger

    if plot:
        charts.check(plot)
    wanted = dates.day(day, "--day")
    with closing(open_ledger(settings.load(config))) as ledger:
        ordinal = wanted or ledger.calendar.day(ledger.clock())
        with ledger.database.transaction() as connection:
            found, name = _deviations(ledger, connection, actor, ordinal)
            if not found:
                typer.echo(f"exfilter: the ledger knows nothing of {printable(actor)}", err=True)
                raise typer.Exit(UNKNOWN)
            _print(found, name, ledger.calendar.date(ordinal), output)
            if plot:
                charts.draw_growth(_growth(connection, name, ordinal), name, plot)


def _deviations(
    ledger: Ledger, connection: sa.Connection, actor: str, day: int
) -> tuple[dict[Measure, Deviation], str]:
    """Return each measure that anything is known in, and what the ledger calls the actor."""
    from exfilter.ledger import usual

    for name in dict.fromkeys((actor, ledger.called(actor))):
        found = usual.whole_day(connection, name, day)
        if found:
            return found, name
    return {}, actor


def _print(found: dict[Measure, Deviation], name: str, date: str, output: Format) -> None:
    if output is Format.JSON:
        measures = {measure.name.lower(): _object(each) for measure, each in found.items()}
        typer.echo(json.dumps({"actor": name, "day": date, "measures": measures}))
        return
    typer.echo(f"{printable(name)}, {date}")
    for measure, each in found.items():
        typer.echo(f"{measure.name.lower():13} {each.sentence(measure)}")


def _object(each: Deviation) -> dict[str, Any]:
    return {
        "span": str(each.span),
        "seen": each.seen,
        "median": each.median,
        "most": each.most,
        "known": each.known,
        "peers": each.peers,
        "peers_median": each.peers_median,
        "probability": each.probability,
        "log10_probability": each.log10_p,
        "looks": each.looks,
    }


def _growth(connection: sa.Connection, name: str, day: int) -> charts.Growth:
    import numpy as np

    from exfilter.ledger import daily, usual
    from exfilter.ledger.deviation import Measure

    scope = usual.known(connection, "actor", name)
    counts = (
        daily.history(connection, *scope, day + 1, Measure.NEW).counts if scope else np.zeros(0, np.int64)
    )
    first = dt.date.fromordinal(day + 1 - len(counts)) if len(counts) else dt.date.fromordinal(day)
    begin = dt.datetime.combine(first, dt.time(), dt.UTC).timestamp()
    days = begin + 86_400.0 * np.arange(len(counts), dtype=np.float64)
    return charts.Growth(days, np.cumsum(counts), counts)
