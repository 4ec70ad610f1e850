"""Adds acts to the chain of the audit log, in the transaction in which they are done.

Whoever adds one has the end of the chain for himself until his transaction ends: acts are written one after
the other, also by several doors, and a crash in between leaves none of it. In a transaction that has other
things for itself too, the end of the chain is the last one: so two never wait for each other.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from exfilter import __version__
from exfilter.audit import GENESIS, Content, Link
from exfilter.ledger.rows import put
from exfilter.ledger.tables import acts, chain

NAME_LIMIT = 255
"""Characters of a name that are kept: a sender does not choose how long a row is."""
REASON_LIMIT = 1000
THE_END = 1
"""Id of the one row of ``chain``."""


def note(
    connection: sa.Connection,
    when: float,
    who: str,
    act: str,
    subjects: Iterable[str],
    reason: str,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write down who did what, an act for each subject.

    ``about``: versions and numbers that belong to it. Which exfilter wrote it, run by which OS user, is
    always told: on a command line anybody may give any name.
    """
    who, reason = one_line(who, NAME_LIMIT), one_line(reason, REASON_LIMIT)
    always = {"exfilter": __version__, "os_user": os_user()}
    told = json.dumps(always | dict(about or {}), allow_nan=False, sort_keys=True)
    number, head = _end(connection)
    rows = []
    for subject in subjects:
        said = Content(float(when), who, act, one_line(subject, REASON_LIMIT), reason, told)
        link = Link.after(number + 1, head, said.digest())
        rows.append(_row(said) | {"number": link.number, "previous": link.previous, "hash": link.hash})
        number, head = link.number, link.hash
    if rows:
        connection.execute(sa.insert(acts), rows)
        connection.execute(sa.update(chain).where(chain.c.id == THE_END).values(number=number, hash=head))


def one_line(text: str, limit: int | None = None) -> str:
    """Return a text that cannot begin a line of its own, and can be stored."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:limit]


def os_user() -> str:
    """Return the name of who runs this process: the kernel's word, not that of the environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _end(connection: sa.Connection) -> tuple[int, str]:
    """Return number and hash of the last act, and keep others waiting who want to add one.

    Where somebody has changed the end it goes on after the last act that is there: `audit verify` tells.
    """
    put(connection, chain, [{"id": THE_END, "number": 0, "hash": GENESIS}])
    end = sa.select(chain.c.number, chain.c.hash).where(chain.c.id == THE_END).with_for_update()
    found = connection.execute(end).one()
    last = sa.select(acts.c.number, acts.c.hash).order_by(acts.c.number.desc()).limit(1)
    there = connection.execute(last).one_or_none()
    if there is None or there.number == found.number:
        return found.number, found.hash
    return there.number, there.hash or GENESIS


def _row(of: Content) -> dict[str, object]:
    return {
        "time": of.time,
        "who": of.who,
        "act": of.act,
        "subject": of.subject,
        "reason": of.reason,
        "about": of.about,
    }
