"""``exfilter pseudonym``: what the decision log calls somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exfilter import settings
from exfilter.cli.formats import printable
from exfilter.who.pseudonyms import Pseudonyms


def pseudonym(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Actors, as the proxy knows them.")],
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
) -> None:
    """Print the pseudonym of each actor, and the actor, one a line.

    It is in the log where `pseudonyms = true` stands in exfilter.toml. The key is made when it is first
    needed; without it nobody can tell who is meant.
    """
    if not all(name.strip() for name in names):
        msg = "an empty name is nobody's: give the names of actors, as `actor` in quarantine list shows them"
        raise ValueError(msg)
    called = Pseudonyms(settings.load(config).pseudonym_key)
    for name in names:
        typer.echo(f"{called(name)}\t{printable(name)}")
