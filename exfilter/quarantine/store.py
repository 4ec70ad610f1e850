"""The quarantine: hold, decide, redeem, export.

What the sender was told is held is there after a crash: the sealed file is written, synced and named
first, then the row is committed, then the id is returned. A crash in between leaves a sealed file
without a row, which ``verify`` lists and nobody was told about; never the other way round.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyrage  # type: ignore[import-untyped, unused-ignore]
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from exfilter import reviewers
from exfilter.database import Database
from exfilter.model import Transfer, Verdict
from exfilter.quarantine import keys, proving, requests, sealing
from exfilter.quarantine.binding import digest, loose_digest
from exfilter.quarantine.choosing import PAGE, Choice, Page, counts, knows, page
from exfilter.quarantine.deciding import Decision, agree, decide, step, unknown
from exfilter.quarantine.entries import COLUMNS, Entry, Move, described, utc
from exfilter.quarantine.exporting import Export, Memory, Proof
from exfilter.quarantine.figures import Figures, figures
from exfilter.quarantine.requests import What
from exfilter.quarantine.states import State
from exfilter.quarantine.tables import SCHEMA, STEPS, loose, metadata, moves, transfers, unread
from exfilter.quarantine.verifying import Verification, body_file, verified

type Noted = Callable[[bool], object]
"""Is told whether it is done now, or waits for a second reviewer."""
type Identities = Sequence[pyrage.x25519.Identity]

RELEASE_LASTS = dt.timedelta(hours=24)
_ID_BYTES = 10
_PROBE = 4096


def _nothing(_done: bool) -> None:  # noqa: FBT001 - a Noted
    """Nobody else writes it down."""


class Quarantine:
    """Held transfers in one folder. Several processes and threads may use it at once."""

    def __init__(
        self,
        folder: Path,
        recipients: Sequence[str] | Path = (),
        clock: Callable[[], float] = time.time,
        *,
        second_reviewer: bool = False,
        weighed: requests.Weighed = requests.anybody,
    ) -> None:
        """Open the quarantine in ``folder``, or make it; without recipients it can only be read.

        ``second_reviewer``: whether a release, and opening a body, takes two different reviewers.
        ``weighed``: which two count.
        """
        self._recipients = reviewers.recipients(recipients)
        self._clock = clock
        self._second = weighed if second_reviewer else None
        self._bodies = folder / "bodies"
        for each in (folder, self._bodies):
            each.mkdir(mode=0o700, exist_ok=True)
        key, file = folder / "digest.key", folder / "quarantine.sqlite"
        if file.exists() and not key.exists():
            msg = f"{key} is missing, no release could be recognised; restore it from a backup"
            raise ValueError(msg)
        self._key = keys.digest_key(key)
        self._database = Database(file, metadata, SCHEMA, steps=STEPS)

    @classmethod
    def open(
        cls,
        folder: Path,
        recipients: Sequence[str] | Path = (),
        clock: Callable[[], float] = time.time,
        *,
        second_reviewer: bool = False,
        weighed: requests.Weighed = requests.anybody,
    ) -> Self:
        """Open the quarantine in ``folder``, or make it; see ``__init__``."""
        return cls(folder, recipients, clock, second_reviewer=second_reviewer, weighed=weighed)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the database."""
        self.close()

    def hold(self, transfer: Transfer, verdict: Verdict, found: bytes | None = b"") -> str:
        """Seal a transfer and return its id, when all of it is safely on the disk.

        ``found``: ``loose`` of what a release does not bind. The same transfer sent again while it is held
        is the same entry, one attempt more; what was found in the first try holds. Raises OSError
        or ValueError where it cannot be kept: then the door must neither forward it nor call it held.
        """
        if not self._recipients:
            msg = "there is no reviewers' public key to seal to; run 'exfilter init' or name reviewers.txt"
            raise ValueError(msg)
        columns = described(transfer, verdict, self._clock())
        columns["digest"] = digest(self._key, transfer)
        known = self._held_already(columns)
        if known:
            return known
        transfer_id = "t-" + base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
        target = self._body(transfer_id)
        size, sha256 = sealing.seal(transfer_id, transfer, target, self._recipients)
        columns |= {"id": transfer_id, "sealed_bytes": size, "sealed_sha256": sha256}
        try:
            self._insert(columns, loose_digest(self._key, found))
        except IntegrityError:
            target.unlink()
            winner = self._held_already(columns)  # Another process held the same transfer meanwhile.
            if not winner:
                msg = "the transfer was decided while it was being held; the sender has to try again"
                raise OSError(msg) from None
            return winner
        return transfer_id

    def check(self) -> None:
        """Raise OSError where no transfer could be kept now."""
        with tempfile.TemporaryFile(dir=self._bodies) as probe:
            probe.write(bytes(_PROBE))
            probe.flush()
            os.fsync(probe.fileno())
        with self._database.transaction(writes=True):
            pass

    def redeem(self, transfer: Transfer, policy_digest: str, index_id: str, found: bytes = b"") -> str | None:
        """Use up a release of exactly this transfer: its id, once; None where there is none.

        The release must be younger than its expiry and the policy and index those under which the
        transfer was held; otherwise ``show`` of the released entry says why it was refused. ``found``:
        ``loose`` of what the digest does not cover, which must be what it was when it was held.
        """
        now = utc(self._clock())
        released = sa.and_(
            transfers.c.digest == digest(self._key, transfer),
            transfers.c.state == State.RELEASED,
            transfers.c.redeemed.is_(None),
        )
        before = sa.select(loose.c.digest).where(loose.c.id == transfers.c.id).scalar_subquery()
        bound = sa.and_(
            transfers.c.expires > now,
            transfers.c.policy == policy_digest,
            transfers.c.index_id == index_id,
            sa.func.coalesce(before, "") == loose_digest(self._key, found),
        )
        first = sa.select(transfers.c.id).where(released, bound).order_by(transfers.c.expires).limit(1)
        use = sa.update(transfers).where(transfers.c.id == first.scalar_subquery()).values(redeemed=now)
        why = sa.case(
            (transfers.c.expires <= now, "expired"),
            (transfers.c.policy != policy_digest, "the policy changed after the hold"),
            (transfers.c.index_id != index_id, "the index changed after the hold"),
            else_="its cookies, tokens or request ids hold something else than in the first try",
        )
        refuse = sa.update(transfers).where(released).values(refused=f"{now}: " + why)
        with self._database.transaction(writes=True) as connection:
            used = connection.execute(use.returning(transfers.c.id)).scalar_one_or_none()
            if used is None:
                connection.execute(refuse)
        return used

    def restore(self, transfer_id: str) -> None:
        """Let a release hold again that was redeemed: nothing of the transfer has left the door."""
        why = f"{utc(self._clock())}: the destination could not be reached; the release still holds"
        used = sa.and_(
            transfers.c.id == transfer_id,
            transfers.c.state == State.RELEASED,
            transfers.c.redeemed.is_not(None),
        )
        with self._database.transaction(writes=True) as connection:
            connection.execute(sa.update(transfers).where(used).values(redeemed=None, refused=why))

    # ``noted``, here and below, writes it down for others, and is called before it is true: where it raises,
    # nothing is decided.

    def release(
        self,
        transfer_id: str,
        reviewer: str,
        reason: str,
        expires: dt.timedelta = RELEASE_LASTS,
        noted: Noted = _nothing,
    ) -> State:
        """Let the sender's retry of the exact transfer pass once, until it expires.

        Returns the state that it is in now: where it takes two reviewers, the first one's wish waits. Of
        two, the shorter time holds.
        """
        if expires <= dt.timedelta():
            msg = "a release must last longer than nothing; give a positive time"
            raise ValueError(msg)
        lasts = expires.total_seconds()
        return self._decide(Decision(transfer_id, State.RELEASED, reviewer, reason, lasts), noted)

    def deny(self, transfer_id: str, reviewer: str, reason: str, noted: Noted = _nothing) -> None:
        """Keep it from its destination for good."""
        self._decide(Decision(transfer_id, State.DENIED, reviewer, reason), noted)

    def confirm(self, transfer_id: str, reviewer: str, reason: str, noted: Noted = _nothing) -> None:
        """Keep it from its destination for good: it was a leak."""
        self._decide(Decision(transfer_id, State.CONFIRMED, reviewer, reason), noted)

    def _decide(self, wanted: Decision, noted: Noted) -> State:
        with self._database.transaction(writes=True) as connection:
            state = decide(connection, wanted, self._clock(), self._second)
            noted(state is wanted.to)
        return state

    def entries(self, state: State | None = None) -> list[Entry]:
        """Return all transfers, or those in one state, newest first, without their moves."""
        wanted = sa.select(*(transfers.c[name] for name in COLUMNS)).where(*Choice(state).where())
        with self._database.transaction() as connection:
            rows = connection.execute(wanted.order_by(transfers.c.time.desc(), transfers.c.id.desc()))
            return [Entry.of(row) for row in rows.mappings()]

    def page(self, choice: Choice, after: str = "", most: int = PAGE) -> Page:
        """Return some of the transfers that are chosen, newest first; ``after``: ``next`` of the page before.

        Raises ValueError where no transfer has that id.
        """
        with self._database.transaction() as connection:
            return page(connection, choice, after, most)

    def counts(self, choice: Choice) -> Mapping[State, int]:
        """Return how many of the chosen transfers are in each state, whichever state was chosen."""
        with self._database.transaction() as connection:
            return counts(connection, choice)

    def knows(self, actor: str) -> bool:
        """Whether anything of an actor was held, spelt as it is shown."""
        with self._database.transaction() as connection:
            return knows(connection, actor)

    def figures(self, since: str, most: int = 10) -> Figures:
        """Sum up what was sent since then (UTC, ISO 8601) and held. ``most``: actors and destinations."""
        with self._database.transaction() as connection:
            return figures(connection, since, most)

    def show(self, transfer_id: str) -> Entry:
        """Return one transfer with its history, masked. Raises ValueError for an unknown id."""
        wanted = sa.select(*(transfers.c[name] for name in COLUMNS)).where(transfers.c.id == transfer_id)
        history = sa.select(moves.c.time, moves.c.state, moves.c.reviewer, moves.c.reason)
        history = history.where(moves.c.id == transfer_id).order_by(moves.c.number)
        lapsed = utc(self._clock() - requests.WAITS)
        with self._database.transaction() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
            steps = connection.execute(history).all()
            asked = requests.of(connection, transfer_id, lapsed)
        if row is None:
            raise unknown(transfer_id)
        taken = tuple(Move(step.time, State(step.state), step.reviewer, step.reason) for step in steps)
        return Entry.of(row, moves=taken, requests=asked)

    def export(
        self,
        transfer_id: str,
        identity: Path | Identities,
        out: Path,
        *,
        request: bool = False,
        reviewer: str = "",
        reason: str = "",
        noted: Noted = _nothing,
    ) -> bool:
        """Decrypt a transfer's body (or its whole request) into a new file that only its owner can read.

        Returns whether it did: where it takes two reviewers, the first one's wish waits. Raises ValueError
        where the key does not fit or the sealed file is not that of this transfer, FileExistsError where
        ``out`` exists; then nothing is left behind.
        """
        proof = self._proof(transfer_id)
        if out.exists():
            msg = f"{out} exists and is not overwritten; name another file"
            raise FileExistsError(msg)
        secret = reviewers.identities(identity) if isinstance(identity, Path) else identity
        if not self._may_open(Decision(transfer_id, State.HELD, reviewer, reason), noted):
            return False
        with Export(out, proof, request=request) as opened:
            sealing.unseal(self._body(transfer_id), secret, opened)
        return True

    def reveal(
        self, transfer_id: str, identities: Identities, reviewer: str, reason: str, noted: Noted = _nothing
    ) -> Transfer | None:
        """Return a transfer in clear, in memory alone. None: the wish waits for a second reviewer.

        Raises ValueError as ``export`` does.
        """
        opened = Memory(self._proof(transfer_id))
        if not self._may_open(Decision(transfer_id, State.HELD, reviewer, reason), noted):
            return None
        sealing.unseal(self._body(transfer_id), identities, opened)
        return opened.whole()

    def waits_for_another(self, transfer_id: str, reviewer: str, what: What) -> bool:
        """Whether a wish of this reviewer would have to wait for a second one. Raises AskedAlready."""
        if self._second is None:
            return False
        first = (each.reviewer for each in self.show(transfer_id).waiting if each.what is what)
        others = (name for name in first if requests.alike(name, reviewer))
        return not any(
            requests.person(name) != requests.person(reviewer) and self._second(name, reviewer)
            for name in others
        )

    def fingerprint(self, transfer_id: str) -> str:
        """Return the digest of all that was written when a transfer was held."""
        with self._database.transaction() as connection:
            return proving.fingerprint(connection, transfer_id)

    def proved(self) -> list[proving.Proved]:
        """Return of all transfers what the audit log can prove."""
        with self._database.transaction() as connection:
            return list(proving.proved(connection))

    def verify(self) -> Verification:
        """Compare every row with its sealed file. Needs no private key."""
        return verified(self._database, self._bodies)

    def _body(self, transfer_id: str) -> Path:
        return body_file(self._bodies, transfer_id)

    def _proof(self, transfer_id: str) -> Proof:
        wanted = sa.select(transfers.c.digest).where(transfers.c.id == transfer_id)
        with self._database.transaction() as connection:
            expected = connection.execute(wanted).scalar_one_or_none()
        if expected is None:
            raise unknown(transfer_id)
        return Proof(transfer_id, expected, self._key)

    def _may_open(self, wanted: Decision, noted: Noted) -> bool:
        """Whether a body may be opened now; it is written down before the first byte of it is read."""
        with self._database.transaction(writes=True) as connection:
            may = self._second is None or bool(
                agree(connection, wanted, What.OPEN, self._clock(), self._second)
            )
            noted(may)
        return may

    def _held_already(self, columns: dict[str, Any]) -> str | None:
        same = sa.update(transfers).where(
            transfers.c.state == State.HELD,
            *(transfers.c[name] == columns[name] for name in ("digest", "policy", "index_id")),
        )
        counted = same.values(attempts=transfers.c.attempts + 1).returning(transfers.c.id)
        with self._database.transaction(writes=True) as connection:
            return connection.execute(counted).scalar_one_or_none()

    def _insert(self, columns: dict[str, Any], found: str) -> None:
        first = Decision(columns["id"], State.HELD, "", columns["reason"])
        about = {"id": columns["id"], "time": columns["time"]}
        pieces = [about | piece for piece in columns["verdict"]["unscanned"]]
        with self._database.transaction(writes=True) as connection:
            connection.execute(sa.insert(transfers).values(state=State.HELD, attempts=1, **columns))
            connection.execute(sa.insert(moves).values(step(first, self._clock())))
            if pieces:
                connection.execute(sa.insert(unread), pieces)
            if found:
                connection.execute(sa.insert(loose).values(id=columns["id"], digest=found))
