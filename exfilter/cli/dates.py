"""Days as commands take them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

Day = Annotated[str, typer.Option(metavar="DATE", help="As 2026-11-22, included.")]


def day(text: str, option: str) -> int | None:
    """Return the ordinal of a date; None: none is given. Raises ValueError."""
    try:
        return dt.date.fromisoformat(text).toordinal() if text else None
    except ValueError:
        msg = f"{option} {text}: write a date such as 2026-11-22"
        raise ValueError(msg) from None
