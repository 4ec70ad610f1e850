"""What it takes two reviewers for: the first one asks, and another one agrees by asking for the same.

A request waits for a day. It is used up by the agreement, so whoever wants the same again needs another one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from exfilter.quarantine.tables import requests

OS = "os:"
"""Before the name of an OS user; what has none is an account of the desk."""
WAITS = 24 * 3600.0
"""Seconds after which a request comes to nothing."""


type Weighed = Callable[[str, str], bool]
"""Of the first and the second reviewer: whether the first one's wish still counts. Raises AskedAlready where
these two do not count as two."""


def anybody(_first: str, _second: str) -> bool:
    """Take every name as somebody: who may is known elsewhere."""
    return True


class What(enum.StrEnum):
    """What is asked for."""

    RELEASE = "release"
    OPEN = "open"
    """To see the body in clear."""


class AskedAlready(ValueError):  # noqa: N818 - it is no error, but what is so
    """The same reviewer asks a second time."""


@dataclass(frozen=True, slots=True)
class Request:
    """One reviewer's wish."""

    what: What
    time: str
    reviewer: str
    reason: str
    lasts: float
    """Seconds, of the release that is asked for."""
    ended: str | None
    """When it was agreed to, or came to nothing. None: it waits."""
    by: str
    """Who agreed. Empty: nobody."""


def of(connection: sa.Connection, transfer_id: str, since: str) -> tuple[Request, ...]:
    """Return all of a transfer, oldest first. Those from before ``since`` wait no more."""
    columns = (requests.c[name] for name in Request.__slots__)
    wanted = sa.select(*columns).where(requests.c.id == transfer_id).order_by(requests.c.number)
    return tuple(_request(row, since) for row in connection.execute(wanted).mappings())


def _request(row: sa.RowMapping, since: str) -> Request:
    lapsed = row["ended"] is None and row["time"] < since
    return Request(
        **dict(row) | {"what": What(row["what"]), "ended": row["time"] if lapsed else row["ended"]}
    )


def agreed(
    connection: sa.Connection, wish: dict[str, object], since: str, weighed: Weighed = anybody
) -> Request | None:
    """Use up what another reviewer asked for, and return it. None: this is the first one, and waits now.

    ``wish``: the row of what is asked for now. Raises AskedAlready where it is the same reviewer again. The
    wish of an OS user and that of an account wait beside each other: they may be one person's. A wish that
    does not count any more comes to nothing.
    """
    same = requests.c.id == wish["id"], requests.c.what == wish["what"], requests.c.ended.is_(None)
    lapsed = sa.update(requests).where(*same, requests.c.time < since)
    connection.execute(lapsed.values(ended=wish["time"]))
    waiting = connection.execute(sa.select(requests).where(*same)).mappings().all()
    row = next((each for each in waiting if alike(each["reviewer"], str(wish["reviewer"]))), None)
    if row and person(str(wish["reviewer"])) == person(row["reviewer"]):
        asked = f"{row['reviewer']} asked for it at {row['time'][:19]} UTC"
        msg = f"{asked} and cannot agree as well: it takes another reviewer"
        raise AskedAlready(msg)
    if row is None or not weighed(row["reviewer"], str(wish["reviewer"])):
        if row:
            this = sa.update(requests).where(requests.c.number == row["number"])
            connection.execute(this.values(ended=wish["time"]))
        connection.execute(sa.insert(requests).values(by="", **wish))
        return None
    used = sa.update(requests).where(requests.c.number == row["number"])
    connection.execute(used.values(ended=wish["time"], by=wish["reviewer"]))
    return _request(connection.execute(_columns(row["number"])).mappings().one(), since="")


def _columns(number: int) -> sa.Select[tuple[object, ...]]:
    return sa.select(*(requests.c[name] for name in Request.__slots__)).where(requests.c.number == number)


def end(connection: sa.Connection, transfer_id: str, what: What, now: str) -> None:
    """Let what waits come to nothing: it was decided otherwise."""
    waiting = requests.c.id == transfer_id, requests.c.what == what, requests.c.ended.is_(None)
    connection.execute(sa.update(requests).where(*waiting).values(ended=now))


def alike(one: str, other: str) -> bool:
    """Whether both are OS users, or both accounts of the desk: only then different names are two people."""
    return one.startswith(OS) == other.startswith(OS)


def person(name: str) -> str:
    """Return the one spelling of a reviewer's name."""
    return name.strip().casefold()
