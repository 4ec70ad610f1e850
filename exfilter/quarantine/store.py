"""The quarantine: hold, decide, redeem, export.

What the sender was told is held is there after a crash: the sealed file is written, synced and named
first, then the row is committed, then the id is returned. A crash in between leaves a sealed file
without a row, which ``verify`` lists and nobody was told about; never the other way round.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from exfilter import reviewers
from exfilter.database import Database
from exfilter.model import Transfer, Verdict
from exfilter.quarantine import keys, sealing
from exfilter.quarantine.binding import digest
from exfilter.quarantine.entries import COLUMNS, Entry, Move, described, printable, utc
from exfilter.quarantine.exporting import Export
from exfilter.quarantine.states import State, check_move
from exfilter.quarantine.tables import SCHEMA, metadata, moves, transfers

RELEASE_LASTS = dt.timedelta(hours=24)
_ID_BYTES = 10
_PROBE = 4096


@dataclass(frozen=True, slots=True)
class Verification:
    """What does not fit together between the database and the sealed files."""

    checked: int
    missing: tuple[str, ...]
    """Ids without their sealed file."""
    damaged: tuple[str, ...]
    """Ids whose sealed file is not the one that was written."""
    orphans: tuple[str, ...]
    """Sealed files without a row: a hold that is going on, or a crash before the sender was told."""

    @property
    def whole(self) -> bool:
        """Whether every transfer that a sender was told about is there."""
        return not self.missing and not self.damaged


class Quarantine:
    """Held transfers in one folder. Several processes and threads may use it at once."""

    def __init__(
        self, folder: Path, recipients: Sequence[str] | Path = (), clock: Callable[[], float] = time.time
    ) -> None:
        """Open the quarantine in ``folder``, or make it; without recipients it can only be read."""
        self._recipients = reviewers.recipients(recipients)
        self._clock = clock
        self._bodies = folder / "bodies"
        for each in (folder, self._bodies):
            each.mkdir(mode=0o700, exist_ok=True)
        key, file = folder / "digest.key", folder / "quarantine.sqlite"
        if file.exists() and not key.exists():
            msg = f"{key} is missing, no release could be recognised; restore it from a backup"
            raise ValueError(msg)
        self._key = keys.digest_key(key)
        self._database = Database(file, metadata, SCHEMA)

    @classmethod
    def open(
        cls, folder: Path, recipients: Sequence[str] | Path = (), clock: Callable[[], float] = time.time
    ) -> Self:
        """Open the quarantine in ``folder``, or make it; without recipients it can only be read."""
        return cls(folder, recipients, clock)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the database."""
        self.close()

    def hold(self, transfer: Transfer, verdict: Verdict) -> str:
        """Seal a transfer and return its id, when all of it is safely on the disk.

        The same transfer sent again while it is held is the same entry, one attempt more. Raises OSError
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
            self._insert(columns)
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

    def redeem(self, transfer: Transfer, policy_digest: str, index_id: str) -> str | None:
        """Use up a release of exactly this transfer: its id, once; None where there is none.

        The release must be younger than its expiry and the policy and index those under which the
        transfer was held; otherwise ``show`` of the released entry says why it was refused. The caller
        must have examined ``unbound(transfer)``, which the digest does not cover.
        """
        now = utc(self._clock())
        released = sa.and_(
            transfers.c.digest == digest(self._key, transfer),
            transfers.c.state == State.RELEASED,
            transfers.c.redeemed.is_(None),
        )
        bound = sa.and_(
            transfers.c.expires > now, transfers.c.policy == policy_digest, transfers.c.index_id == index_id
        )
        first = sa.select(transfers.c.id).where(released, bound).order_by(transfers.c.expires).limit(1)
        use = sa.update(transfers).where(transfers.c.id == first.scalar_subquery()).values(redeemed=now)
        why = sa.case(
            (transfers.c.expires <= now, "expired"),
            (transfers.c.policy != policy_digest, "the policy changed after the hold"),
            else_="the index changed after the hold",
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

    def release(
        self, transfer_id: str, reviewer: str, reason: str, expires: dt.timedelta = RELEASE_LASTS
    ) -> None:
        """Let the sender's retry of the exact transfer pass once, until it expires."""
        if expires <= dt.timedelta():
            msg = "a release must last longer than nothing; give a positive time"
            raise ValueError(msg)
        until = utc(self._clock() + expires.total_seconds())
        self._move(transfer_id, State.RELEASED, reviewer, reason, expires=until)

    def deny(self, transfer_id: str, reviewer: str, reason: str) -> None:
        """Keep it from its destination for good."""
        self._move(transfer_id, State.DENIED, reviewer, reason)

    def confirm(self, transfer_id: str, reviewer: str, reason: str) -> None:
        """Keep it from its destination for good: it was a leak."""
        self._move(transfer_id, State.CONFIRMED, reviewer, reason)

    def entries(self, state: State | None = None) -> list[Entry]:
        """Return all transfers, or those in one state, newest first, without their moves."""
        wanted = sa.select(*(transfers.c[name] for name in COLUMNS))
        if state is not None:
            wanted = wanted.where(transfers.c.state == state)
        with self._database.transaction() as connection:
            rows = connection.execute(wanted.order_by(transfers.c.time.desc(), transfers.c.id)).all()
        return [_entry(row._asdict()) for row in rows]

    def show(self, transfer_id: str) -> Entry:
        """Return one transfer with its history, masked. Raises ValueError for an unknown id."""
        wanted = sa.select(*(transfers.c[name] for name in COLUMNS)).where(transfers.c.id == transfer_id)
        history = sa.select(moves.c.time, moves.c.state, moves.c.reviewer, moves.c.reason)
        history = history.where(moves.c.id == transfer_id).order_by(moves.c.number)
        with self._database.transaction() as connection:
            row = connection.execute(wanted).one_or_none()
            steps = connection.execute(history).all()
        if row is None:
            raise _unknown(transfer_id)
        taken = tuple(Move(step.time, State(step.state), step.reviewer, step.reason) for step in steps)
        return _entry(row._asdict() | {"moves": taken})

    def export(self, transfer_id: str, identity: Path, out: Path, *, request: bool = False) -> None:
        """Decrypt a transfer's body (or its whole request) into a new file that only its owner can read.

        Raises ValueError where the key does not fit or the sealed file is not that of this transfer,
        FileExistsError where ``out`` exists; then nothing is left behind.
        """
        with self._database.transaction() as connection:
            wanted = sa.select(transfers.c.digest).where(transfers.c.id == transfer_id)
            expected = connection.execute(wanted).scalar_one_or_none()
        if expected is None:
            raise _unknown(transfer_id)
        secret = reviewers.identities(identity)
        with Export(out, transfer_id, expected, self._key, request=request) as opened:
            sealing.unseal(self._body(transfer_id), secret, opened)

    def verify(self) -> Verification:
        """Compare every row with its sealed file. Needs no private key."""
        wanted = sa.select(transfers.c.id, transfers.c.sealed_bytes, transfers.c.sealed_sha256)
        files = {file.name for file in self._bodies.iterdir()}  # Before the rows: a file comes first.
        with self._database.transaction() as connection:
            rows = connection.execute(wanted).all()
        missing = {row.id for row in rows if not self._body(row.id).exists()}
        kept = (row for row in rows if row.id not in missing)
        return Verification(
            checked=len(rows),
            missing=tuple(sorted(missing)),
            damaged=tuple(
                row.id for row in kept if not self._is_whole(row.id, row.sealed_bytes, row.sealed_sha256)
            ),
            orphans=tuple(sorted(files - {self._body(row.id).name for row in rows})),
        )

    def _body(self, transfer_id: str) -> Path:
        return self._bodies / f"{transfer_id}.age"

    def _is_whole(self, transfer_id: str, size: int, sha256: str) -> bool:
        with self._body(transfer_id).open("rb") as file:
            found: str = hashlib.file_digest(file, "sha256").hexdigest()
            return os.fstat(file.fileno()).st_size == size and found == sha256

    def _held_already(self, columns: dict[str, Any]) -> str | None:
        same = sa.update(transfers).where(
            transfers.c.state == State.HELD,
            *(transfers.c[name] == columns[name] for name in ("digest", "policy", "index_id")),
        )
        counted = same.values(attempts=transfers.c.attempts + 1).returning(transfers.c.id)
        with self._database.transaction(writes=True) as connection:
            return connection.execute(counted).scalar_one_or_none()

    def _insert(self, columns: dict[str, Any]) -> None:
        with self._database.transaction(writes=True) as connection:
            connection.execute(sa.insert(transfers).values(state=State.HELD, attempts=1, **columns))
            connection.execute(
                sa.insert(moves).values(self._step(columns["id"], State.HELD, "", columns["reason"]))
            )

    def _move(self, transfer_id: str, wanted: State, reviewer: str, reason: str, **changes: str) -> None:
        with self._database.transaction(writes=True) as connection:
            at = sa.select(transfers.c.state).where(transfers.c.id == transfer_id)
            now = connection.execute(at).scalar_one_or_none()
            if now is None:
                raise _unknown(transfer_id)
            check_move(transfer_id, State(now), wanted)
            this = sa.update(transfers).where(transfers.c.id == transfer_id)
            connection.execute(this.values(state=wanted, **changes))
            connection.execute(sa.insert(moves).values(self._step(transfer_id, wanted, reviewer, reason)))

    def _step(self, transfer_id: str, state: State, reviewer: str, reason: str) -> dict[str, str]:
        return {
            "id": transfer_id,
            "time": utc(self._clock()),
            "state": state,
            "reviewer": printable(reviewer),
            "reason": printable(reason),
        }


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**row | {"state": State(row["state"])})


def _unknown(transfer_id: str) -> ValueError:
    return ValueError(f"there is no transfer {printable(transfer_id)}; see 'exfilter quarantine list'")
