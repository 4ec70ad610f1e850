"""The ledger of a configuration folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from exfilter import private, reviewers
from exfilter.database import Database
from exfilter.index import keys
from exfilter.ledger.days import Calendar
from exfilter.ledger.outbox import Outbox
from exfilter.ledger.steps import STEPS
from exfilter.ledger.store import Ledger
from exfilter.ledger.tables import SCHEMA, metadata
from exfilter.who import names
from exfilter.who.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.settings import Settings

ENVIRONMENT = "EXFILTER_LEDGER_PASSWORD"
"""Environment variable that takes the place of the password's file."""

LONGEST = 365
"""Days that a rule may look back. What is new needs some more."""


def open_ledger(given: Settings) -> Ledger:
    """Open the ledger that the settings name, or make it. Raises OSError or ValueError."""
    pseudonyms = Pseudonyms(given.pseudonym_key) if _has_pseudonyms(given) else None
    return Ledger.open(
        place(given),
        keys.load(given.index_key).subkey(keys.EXPOSURES, 32),
        password=_password(given.ledger_password_file),
        authority=given.ledger_ca if given.ledger_ca.name else None,
        calendar=Calendar.of(given.timezone),
        called=pseudonyms if pseudonyms and given.pseudonyms else str,
        known_as=(lambda actor: (actor, pseudonyms(actor))) if pseudonyms else None,
        sealed=_sealing(given.reviewers) if given.pseudonyms else None,
    )


def narrow(given: Settings) -> str:
    """Return what an operator should know of ``retention_days``. Empty: nothing."""
    if given.retention_days > LONGEST:
        return ""
    return (
        f"retention_days = {given.retention_days}: rules see that many days only, and whoever "
        f"was sent before counts as new; windows go back {LONGEST} days"
    )


def _has_pseudonyms(given: Settings) -> bool:
    """Whether actors have pseudonyms, or had them: who was suspended by one stays so."""
    return given.pseudonyms or given.pseudonym_key.exists()


def open_outbox(given: Settings) -> Outbox:
    """Open only what is on its way to others: no key of the index is needed. Raises OSError or ValueError."""
    authority = given.ledger_ca if given.ledger_ca.name else None
    password = _password(given.ledger_password_file)
    return Outbox(
        Database(place(given), metadata, SCHEMA, steps=STEPS, password=password, authority=authority)
    )


def place(given: Settings) -> Path | sa.URL:
    """Return the file or the URL. Raises ValueError for another kind of server."""
    if "://" not in given.ledger:
        return given.folder / given.ledger
    url = sa.make_url(given.ledger)
    if url.get_backend_name() != "postgresql":
        msg = f"ledger: {url.get_backend_name()} is not known here: name a file, or postgresql://USER@HOST/DATABASE"
        raise ValueError(msg)
    if url.password:
        msg = "ledger: no password in the URL, it would be seen: put it into ledger_password_file (mode 0600)"
        raise ValueError(msg)
    return url


def _sealing(file: Path) -> Callable[[str, str], bytes]:
    """Return what seals names to the reviewers of a file. It is read for each."""

    def seal(pseudonym: str, name: str) -> bytes:
        return names.seal(pseudonym, name, reviewers.recipients(file))

    return seal


def _password(file: Path) -> str:
    if ENVIRONMENT in os.environ:
        return os.environ[ENVIRONMENT]
    return private.read(file).decode().strip() if file.name else ""
