"""Uploads that are under way, for all processes and threads: who was found in them, and their pieces.

A piece is written before its row, and its row goes before it does: a crash leaves a file that nobody knows,
which is swept away when it is as old as what expires. Each method is one transaction or a few that may be
interrupted in between. All raise OSError where the disk is full or the database stays locked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.index import keys
from exfilter.index.keys import IndexKey
from exfilter.model import Action, Reason, Transfer, Unscanned
from exfilter.uploads import tally
from exfilter.uploads.assembly import EDGE, Piece
from exfilter.uploads.framing import Data
from exfilter.uploads.request import Request
from exfilter.uploads.sealed import Sealed
from exfilter.uploads.tables import SCHEMA, STEPS, metadata, pieces, sessions
from exfilter.uploads.tally import Tally

REMEMBERED = 30 * 24 * 3600.0
"""Seconds after its last request for which it is known that there was an upload."""
SETTLING = 60.0
"""Seconds after an upload was completed in which more of it may overtake the request that completes it."""
COMMITTED = frozenset({"s3", "azure", "dropbox"})
"""Protocols in which a request of its own completes an upload, and its name is not used again."""
SWEEP = 60.0
"""Seconds between two looks for what has expired."""

_TALLY = ("identified", "estimated", "behind", "fields", "terms", "exposed")


@dataclass(frozen=True, slots=True)
class Session:
    """An upload as it was last seen."""

    id: str
    state: str
    total: int | None
    tally: Tally
    action: Action
    """What it was refused with."""
    ended: str
    """Digest of the request that completed it. Empty: none did."""
    unscanned: tuple[Unscanned, ...]
    """What could not be read of the completed one."""


@dataclass(frozen=True, slots=True)
class Start:
    """An upload that was begun and whose name only the answer said."""

    id: str
    total: int | None
    """None: to be said later."""
    partial: bool
    tally: Tally
    piece: Piece | None
    """Its first bytes. None: they come later."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a piece."""

    session: Session
    piece: Piece | None
    """None: it was not kept, because of the session's state or the bytes that are over."""
    digest: str
    over: int = 0
    """Bytes by which the upload, or all of them together, are too large."""
    late: bool = False
    """Whether it came just after its upload was completed: then it is judged by itself, and not kept."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A piece that was written and is not in the database yet."""

    place: str
    digest: str
    size: int
    file: str


class Store:
    """The uploads in one folder."""

    def __init__(
        self, folder: Path, key: IndexKey, hours: float, room: int, clock: Callable[[], float] = time.time
    ) -> None:
        """Open the folder, or make it; `room`: bytes of all pieces together.

        Raises OSError, and ValueError for one of a newer exfilter.
        """
        self._room = room
        files = folder / "pieces"
        for each in (folder, files):
            each.mkdir(mode=0o700, exist_ok=True)
        self.sealed = Sealed(files, key.subkey(keys.UPLOAD_PIECES, 32))
        self._names = key.subkey(keys.UPLOAD_NAMES, 32)
        self._seconds = hours * 3600
        self._clock = clock
        self._next_sweep = 0.0
        self._database = Database(folder / "uploads.sqlite", metadata, SCHEMA, steps=STEPS)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def digest(self, *texts: str) -> str:
        """Return the keyed digest of names."""
        mac = hmac.new(self._names, digestmod=hashlib.sha256)
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            mac.update(len(data).to_bytes(8, "big") + data)
        return mac.hexdigest()

    def family(self, transfer: Transfer, request: Request) -> str:
        """Return what the uploads of one actor to one destination by one protocol share."""
        return self.digest("family", transfer.actor, transfer.destination, request.protocol)

    def identity(self, family: str, name: str) -> str:
        """Return the id of an upload."""
        return self.digest("upload", family, name)

    def place(self, identity: str, place: str) -> str:
        """Return how the place of a piece is kept: a block's id is any text."""
        return self.digest("place", identity, place)

    def content(self, data: Iterable[bytes | memoryview], place: str = "") -> tuple[str, int]:
        """Return the keyed digest of bytes (at a place) and how many they are."""
        mac = hmac.new(self._names, self.digest("content", place).encode(), hashlib.sha256)
        count = 0
        for chunk in data:
            mac.update(chunk)
            count += len(chunk)
        return mac.hexdigest(), count

    def session(self, identity: str) -> Session | None:
        """Return an upload, or None for one that was never seen."""
        with self._database.transaction() as connection:
            return _session(connection, identity)

    def thread(self, identity: str) -> str:
        """Return what the requests of an upload share, and no later one of its name. Empty: never seen."""
        begun = sa.select(sessions.c.first).where(sessions.c.id == identity)
        with self._database.transaction() as connection:
            first = connection.execute(begun).scalar_one_or_none()
        return "" if first is None else self.digest("thread", identity, repr(first))

    def begin(self, family: str, request: Request, data: Data, found: Tally) -> None:
        """Keep a start. A retry is another one."""
        identity = "begun-" + secrets.token_hex(16)
        digest, count = self.content(data())
        file = self.sealed.write(data()) if count else ""
        try:
            with self._database.transaction(writes=True) as connection:
                self._open(connection, identity, family, state="begun", partial=request.partial)
                self._touch(connection, identity, request.total, bytes=count, **tally.stored(found))
                if count:
                    self._insert(connection, identity, 0, _Arrived(identity, digest, count, file))
        except BaseException:
            self.sealed.remove([file] if file else [])
            raise

    def keep(self, identity: str, family: str, request: Request, data: Data, most: int) -> Kept:
        """Keep a piece, unless the upload was refused, is too large, or was completed by just this piece.

        The same bytes at the same place are kept once. A piece of a completed upload begins a new one.
        """
        place = self.place(identity, request.place)
        digest, count = self.content(data(), place)
        before = self.session(identity)
        if before and before.state == "refused":
            return Kept(before, None, digest)
        arrived = _Arrived(place, digest, count, self.sealed.write(data()))
        used = False
        try:
            with self._database.transaction(writes=True) as connection:
                kept = self._keep(connection, identity, family, request, arrived, most)
            used = kept.piece is not None and kept.piece.file == arrived.file
        finally:
            if not used:
                self.sealed.remove([arrived.file])
        return kept

    def _keep(
        self,
        connection: sa.Connection,
        identity: str,
        family: str,
        request: Request,
        arrived: _Arrived,
        most: int,
    ) -> Kept:
        now = _session(connection, identity)
        if now and (now.state == "refused" or (now.state == "committed" and now.ended == arrived.digest)):
            return Kept(now, None, arrived.digest)
        if now is None:
            self._open(connection, identity, family, state="open", partial=False)
        elif now.state == "committed":
            ended = connection.execute(
                sa.select(sessions.c.last).where(sessions.c.id == identity)
            ).scalar_one()
            if request.protocol in COMMITTED and self._clock() - ended < SETTLING:
                return Kept(now, None, arrived.digest, late=True)
            anew = {"state": "open", "total": None, "ended": None, "bytes": 0, "first": self._clock()}
            self._touch(connection, identity, None, **anew, **tally.stored(Tally()))
        piece, over = self._again(connection, identity, arrived), 0
        if piece is None:
            have = _bytes(connection, identity)
            rank = have if request.ranged and request.rank is None else request.rank  # appended
            end = rank + arrived.size if request.ranged and rank is not None else 0
            over = max(0, max(request.total or 0, end, have + arrived.size) - most)
            over = max(over, _all_bytes(connection) + arrived.size - self._room)
            if not over:
                piece = self._insert(connection, identity, rank, arrived)
                self._touch(connection, identity, None, bytes=sessions.c.bytes + arrived.size)
        self._touch(connection, identity, request.total)
        session = _session(connection, identity)
        assert session is not None  # noqa: S101 - it was opened above
        return Kept(session, piece, arrived.digest, over)

    def count(self, identity: str, piece: Piece, found: Tally) -> Tally:
        """Add what was found in a piece, once, and return what was found in all of them."""
        with self._database.transaction(writes=True) as connection:
            session = _session(connection, identity)
            known = pieces.c.number == piece.number
            counted = connection.execute(sa.select(pieces.c.counted).where(known)).scalar_one_or_none()
            have = session.tally if session else Tally()
            union = tally.over(have, found) if counted else tally.together(have, found)
            connection.execute(sa.update(pieces).where(known).values(counted=True))
            self._touch(connection, identity, None, **tally.stored(union))
        return union

    def pieces(self, identity: str) -> list[Piece]:
        """Return all pieces that are kept."""
        return self._pieces(pieces.c.session == identity)

    def near(self, identity: str, low: int, high: int) -> list[Piece]:
        """Return the pieces that lie within some bytes of an upload whose ranks are offsets."""
        within = sa.and_(pieces.c.rank < high + EDGE, pieces.c.rank + pieces.c.size > low - EDGE)
        return self._pieces(sa.and_(pieces.c.session == identity, within))

    def _pieces(self, wanted: sa.ColumnElement[bool]) -> list[Piece]:
        with self._database.transaction() as connection:
            return _rows(connection, wanted)

    def starts(self, family: str) -> list[Start]:
        """Return the starts that an upload may belong to, the newest first."""
        wanted = sa.select(sessions).where(sessions.c.family == family, sessions.c.state == "begun")
        with self._database.transaction() as connection:
            rows = connection.execute(wanted.order_by(sessions.c.first.desc())).all()
            first = {row.id: next(iter(_rows(connection, pieces.c.session == row.id)), None) for row in rows}
        return [Start(row.id, row.total, row.partial, _tally(row), first[row.id]) for row in rows]

    def refuse(self, identity: str, family: str, action: Action, found: Tally) -> None:
        """Remember that a request of an upload was held for who is in it, and drop its pieces."""
        with self._database.transaction(writes=True) as connection:
            if _session(connection, identity) is None:
                self._open(connection, identity, family, state="refused", partial=False)
            files = _drop(connection, identity)
            values = {"state": "refused", "action": int(action), "bytes": 0}
            self._touch(connection, identity, None, **values, **tally.stored(found))
        self.sealed.remove(files)

    def commit(
        self, identity: str, family: str, ended: str, found: Tally, unscanned: Sequence[Unscanned]
    ) -> None:
        """Remember that a whole passed, what is in it, and by which request; drop its pieces."""
        left = json.dumps([[item.reason.value, item.bytes] for item in unscanned])
        with self._database.transaction(writes=True) as connection:
            if _session(connection, identity) is None:
                self._open(connection, identity, family, state="committed", partial=False)
            files = _drop(connection, identity)
            values = {"state": "committed", "ended": ended, "unscanned": left, "bytes": 0}
            self._touch(connection, identity, None, **values, **tally.stored(found))
        self.sealed.remove(files)

    def claim(self, start: str) -> None:
        """Drop a start whose upload is complete."""
        with self._database.transaction(writes=True) as connection:
            files = _drop(connection, start)
            connection.execute(sa.delete(sessions).where(sessions.c.id == start))
        self.sealed.remove(files)

    def sweep(self) -> None:
        """Drop the pieces of uploads without a request for some time, and what crashes left."""
        now = self._clock()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP
        old = sa.select(sessions.c.id).where(sessions.c.last < now - self._seconds)
        with self._database.transaction(writes=True) as connection:
            late = (
                connection.execute(old.where(sessions.c.state.in_(["open", "begun", "expired"])))
                .scalars()
                .all()
            )
            files = [file for each in late for file in _drop(connection, each)]
            expired = sa.update(sessions).where(sessions.c.id.in_(old), sessions.c.state == "open")
            connection.execute(expired.values(state="expired", bytes=0))
            refused = sa.update(sessions).where(sessions.c.id.in_(old), sessions.c.state == "refused")
            connection.execute(refused.values(state="expired", action=None, **tally.stored(Tally())))
            forgotten = sessions.c.last < now - max(REMEMBERED, self._seconds)
            started = sa.and_(sessions.c.id.in_(old), sessions.c.state == "begun")
            connection.execute(sa.delete(sessions).where(sa.or_(forgotten, started)))
            known = connection.execute(sa.select(pieces.c.file)).scalars().all()
        self.sealed.remove(files)
        self.sealed.sweep(known, time.time() - self._seconds - SWEEP)

    def _open(
        self, connection: sa.Connection, identity: str, family: str, *, state: str, partial: bool
    ) -> None:
        now = self._clock()
        values = {"id": identity, "family": family, "state": state, "partial": partial, "bytes": 0}
        values |= {"first": now, "last": now, "unscanned": "[]", **tally.stored(Tally())}
        connection.execute(sa.insert(sessions).values(values))

    def _touch(self, connection: sa.Connection, identity: str, declared: int | None, **values: Any) -> None:  # noqa: ANN401 - columns
        if declared is not None:
            values["total"] = declared
        this = sa.update(sessions).where(sessions.c.id == identity)
        connection.execute(this.values(last=self._clock(), **values))

    def _again(self, connection: sa.Connection, identity: str, arrived: _Arrived) -> Piece | None:
        """Return the same bytes at the same place, if they came before."""
        same = sa.and_(
            pieces.c.session == identity,
            pieces.c.place == arrived.place,
            pieces.c.digest == arrived.digest,
        )
        connection.execute(sa.update(pieces).where(same).values(latest=_turn(identity)))
        return next(iter(_rows(connection, same)), None)

    def _insert(self, connection: sa.Connection, identity: str, rank: int | None, arrived: _Arrived) -> Piece:
        values: dict[str, Any] = {"session": identity, "rank": rank, "counted": False}
        values |= {"place": arrived.place, "size": arrived.size, "digest": arrived.digest}
        values |= {"file": arrived.file, "latest": _turn(identity)}
        added = connection.execute(sa.insert(pieces).values(values)).inserted_primary_key
        return _rows(connection, pieces.c.number == (added[0] if added else 0))[0]


def _turn(identity: str) -> sa.ScalarSelect[Any]:
    last = sa.select(sa.func.coalesce(sa.func.max(pieces.c.latest), 0) + 1)
    return last.where(pieces.c.session == identity).scalar_subquery()


def _bytes(connection: sa.Connection, identity: str) -> int:
    kept = sa.select(sessions.c.bytes).where(sessions.c.id == identity)
    return int(connection.execute(kept).scalar_one())


def _all_bytes(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(sessions.c.bytes), 0))).scalar_one())


def _rows(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[Piece]:
    columns = (getattr(pieces.c, name) for name in ("number", "latest", "place", "rank", "size", "file"))
    rows = connection.execute(sa.select(*columns).where(wanted).order_by(pieces.c.number)).all()
    return [Piece(*row) for row in rows]


def _drop(connection: sa.Connection, identity: str) -> list[str]:
    """Delete the rows of all pieces, and return their files."""
    gone = sa.delete(pieces).where(pieces.c.session == identity).returning(pieces.c.file)
    return list(connection.execute(gone).scalars().all())


def _session(connection: sa.Connection, identity: str) -> Session | None:
    row = connection.execute(sa.select(sessions).where(sessions.c.id == identity)).one_or_none()
    if row is None:
        return None
    left = tuple(Unscanned("upload", Reason(reason), size) for reason, size in json.loads(row.unscanned))
    action = Action(row.action) if row.action is not None else Action.QUARANTINE
    return Session(row.id, row.state, row.total, _tally(row), action, row.ended or "", left)


def _tally(row: sa.Row[Any]) -> Tally:
    return tally.restored(*(getattr(row, name) for name in _TALLY))
