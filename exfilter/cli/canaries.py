"""``exfilter canaries``: invented customers, planted in copies of the customer table."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer

from exfilter import settings
from exfilter.cli.index import Config, Mapping, Region, showing
from exfilter.index.canaries import is_team
from exfilter.index.inventing import DOMAINS, Wish, invent
from exfilter.index.opening import open_table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
MOST = 1000
"""Canaries of one file."""


@app.callback()
def _canaries() -> None:
    """Invent customers whose appearance anywhere says whose copy of the table it came from."""


@app.command()
def make(
    file: Annotated[Path, typer.Argument(help="CSV file to make. One that is there is not overwritten.")],
    like: Annotated[Path, typer.Option(help="Customer table whose customers they are to look like.")],
    teams: Annotated[
        list[str],
        typer.Option("--team", metavar="NAME=COUNT", help="How many for which team. Repeatable."),
    ],
    domains: Annotated[
        list[str] | None,
        typer.Option(
            "--domain",
            help=f"Domain of their e-mail addresses: better one of your own. Repeatable. "
            f"Default: {', '.join(DOMAINS)}, which nobody has.",
        ),
    ] = None,
    mapping: Mapping = None,
    region: Region = None,
    config: Config = Path(),
) -> None:
    """Invent customers that look like those of a table, and are none of them.

    The file has the table's columns, and the team in the last one, canary_team. Plant the rows of each team
    in its copy of the table, without that column, and put all of them into the index: `exfilter index build
    CUSTOMERS --canaries FILE`. Keep the file as you keep a key: who has it can leave them out.
    """
    given = settings.load(config)
    where = given.region if region is None else settings.region(region)
    wish = Wish(_counts(teams), tuple(mapping or ()), where, tuple(domains or DOMAINS))
    # The file is made first: nothing is read for nothing, and nobody else can take its name meanwhile.
    descriptor = _new(file)
    try:
        with os.fdopen(descriptor, "wb") as target, showing("reading") as told:
            rows = invent(open_table(like), wish, SystemRandom(), told)
            target.write(_csv(rows))
            target.flush()
            os.fsync(target.fileno())
    except BaseException:
        file.unlink()
        raise
    for team, count in wish.teams.items():
        typer.echo(f"{count} canaries of team {team}")
    typer.echo(f"Made {file}. Next: plant each team's rows in its copy, then run")
    typer.echo(f"`exfilter index build {like} --canaries {file}`.")


def _counts(teams: list[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for entry in teams:
        team, _, number = entry.rpartition("=")
        if not is_team(team.strip()) or not (number.isascii() and number.isdigit() and int(number)):
            msg = (
                f"--team {entry}: write NAME=COUNT, such as support=10; letters, digits, blanks or ._- in it"
            )
            raise ValueError(msg)
        counts[team.strip()] += int(number)
    if counts.total() > MOST:
        msg = f"{counts.total()} canaries are more than {MOST}: a few for each team are enough"
        raise ValueError(msg)
    return dict(counts)


def _new(file: Path) -> int:
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        msg = f"{file} is there already: give another name, or move it away"
        raise FileExistsError(msg) from None


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
