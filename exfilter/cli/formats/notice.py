"""The report on an exposure as one HTML page to print: counts, no customer, no script, no link."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from exfilter import __version__
from exfilter.cli.affected import WORDS, Affected, Part, by_field
from exfilter.cli.exposure import OTHERS, described, summary
from exfilter.cli.formats import printable
from exfilter.cli.formats.rows import moment

if TYPE_CHECKING:
    from exfilter.ledger.choosing import Choice
    from exfilter.ledger.others import Other

_STYLE = """
body { font: 11pt/1.45 "Liberation Sans", Arial, sans-serif; color: #111; max-width: 46rem; margin: auto }
h1 { font-size: 18pt; margin-bottom: 0 } h2 { font-size: 13pt; margin-top: 1.6rem; break-after: avoid }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } thead { display: table-header-group }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #ccc }
td { overflow-wrap: anywhere } tr { break-inside: avoid } .about { color: #444 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
@page { margin: 18mm } @media print { body { margin: 0; max-width: none } }
"""
_METHOD = """
<p>exfilter compares what leaves the company with a keyed index of the customer table. A customer is
<em>identified</em> in a transfer where his e-mail address, ticket or phone number stands in it, or several of
his data stand together, such that chance alone would give at most 0.01 customers a transfer. Each identified
customer is counted once, however often he was sent.</p>
<p>A customer is <em>possible</em> where data that several people share (such as a name) stand in a transfer
more often than chance explains. Then the number is known approximately and the people are not: everybody who
bears such data is listed as possible, and "about" says how many of them the transfers hold.</p>
<p>Not counted is what exfilter did not see or could not read, what is older than the ledger is kept, and
canaries. Times are those at which a transfer was decided, in UTC; days are of the settings' time zone.</p>
"""


def page(found: Affected, choice: Choice, others: Sequence[Other] | None = None) -> str:
    """Return the page. ``others``: who else sent any of these customers; None: that was not asked."""
    from exfilter.ledger.choosing import names

    actors = names(found.ledger.database, found.of.actors or ())
    about = described(choice, " or ".join(sorted(set(actors.values()))))
    made = dt.datetime.now(dt.UTC).isoformat(timespec="minutes")
    body = [
        "<h1>Exposed customers</h1>",
        f'<p class="about">Transfers: {_text(about)}. Made {made}.</p>',
        *(line for part in found.parts for line in _part(found, part)),
        *(_others(others) if others is not None else ()),
        f"<h2>Method and uncertainty</h2>{_METHOD}",
        _versions(found),
    ]
    head = f'<meta charset="utf-8"><title>Exposed customers</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _versions(found: Affected) -> str:
    ids = sorted(set[str]().union(*(part.found.indexes for part in found.parts)))
    then = _text(", ".join(filter(None, ids)) or "none")
    now = f"exfilter {__version__}; index now {found.index.id}; found with index {then}."
    return f'<h2>Versions</h2><p class="about">{now}</p>'


def _part(found: Affected, part: Part) -> Iterable[str]:
    counted = ("identified", "possible")
    yield f"<h2>{WORDS[part.state].capitalize()}</h2><p>{summary(part)}."
    if part.found.transfers:
        yield f" First {moment(part.found.first)}, last {moment(part.found.last)}.</p>"
    by = [(each.name or "unknown", each.identified, each.possible) for each in found.by_country(part)]
    yield _table(("country", *counted), by)
    yield _table(
        ("field", *counted), [(each.name, each.identified, each.possible) for each in by_field(part)]
    )
    sets = part.found.destinations.items()
    places = sorted(
        ((part.names[number], len(who)) for number, who in sets), key=lambda each: (-each[1], each[0])
    )
    yield _table(("destination", "customers"), places)
    date = found.ledger.calendar.date
    daily = [
        (date(each.day), part.names[each.destination], each.transfers, each.identified, each.possible)
        for each in part.found.daily
    ]
    yield _table(("day", "destination", "transfers", *counted), daily)


def _others(others: Sequence[Other]) -> Iterable[str]:
    from exfilter.ledger.days import Calendar

    yield "<h2>Who else sent any of these customers, and where to</h2>"
    told = [
        (
            each.kind,
            each.name,
            each.customers,
            each.possible,
            Calendar.date(each.first),
            Calendar.date(each.last),
        )
        for each in others
    ]
    yield _table(OTHERS, told) or "<p>Nobody.</p>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    if not rows:
        return ""
    numeric = [' class="n"' if isinstance(cell, int) else "" for cell in rows[0]]
    head = "".join(f"<th{kind}>{name}</th>" for name, kind in zip(columns, numeric, strict=True))
    lines = [
        "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in zip(row, numeric, strict=True))
        for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _text(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else html.escape(printable(cell))
