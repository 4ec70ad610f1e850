"""Canaries: invented customers, planted in copies of the customer table, a set for each team that has a copy.

They are customers like all others. Beside that the index knows which of them are canaries and of which team:
sealed in the manifest, so that nobody without the key learns that there are any, or what a team is called.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from detectors.folding import fold
from exfilter.index import columns
from exfilter.index.cells import Reader
from exfilter.index.changed_keys import Gatherer
from exfilter.index.columns import Columns, Use
from exfilter.index.keys import CANARIES, IndexKey
from exfilter.index.opening import open_table
from exfilter.index.sealed import CIPHER_KEY, AlteredError
from exfilter.index.table import Broken
from exfilter.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from detectors import Key
    from exfilter.index.table import Cell
    from exfilter.kernel.tables import Tables
    from exfilter.model import Int64Array, Ordinals

TEAM = "canary_team"
"""Column of the file of canaries that says whose copy each is planted in."""
_TEAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_BARE = "digits "


@dataclass(frozen=True, slots=True)
class Planted:
    """Which customers of an index are canaries."""

    ordinals: Ordinals = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    team: Int64Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Of each ordinal: its place in ``teams``."""
    teams: tuple[str, ...] = ()

    def found(self, identified: Ordinals) -> dict[str, int]:
        """Return how many canaries of each team are among customers. ``identified``: sorted."""
        if not len(self.ordinals) or not len(identified):
            return {}
        at = np.minimum(np.searchsorted(identified, self.ordinals), len(identified) - 1)
        counts = np.bincount(self.team[identified[at] == self.ordinals], minlength=len(self.teams))
        return {team: int(count) for team, count in zip(self.teams, counts, strict=True) if count}

    @property
    def counts(self) -> dict[str, int]:
        """Canaries of each team."""
        return self.found(self.ordinals)

    def living(self, live: NDArray[np.bool_]) -> Planted:
        """Return those who are in the index. ``live``: by ordinal."""
        return planted(
            {who: name for who, name in self.by_ordinal().items() if who < len(live) and live[who]}
        )

    def by_ordinal(self) -> dict[int, str]:
        """Return the team of each canary."""
        return {
            who: self.teams[team]
            for who, team in zip(self.ordinals.tolist(), self.team.tolist(), strict=True)
        }


def planted(teams: dict[int, str]) -> Planted:
    """Return the canaries with these ordinals and teams."""
    names = tuple(sorted(set(teams.values())))
    ordinals = sorted(teams)
    return Planted(
        np.array(ordinals, dtype=np.int64),
        np.array([names.index(teams[who]) for who in ordinals], dtype=np.int64),
        names,
    )


def seal(some: Planted, key: IndexKey) -> str:
    """Return them as the manifest has them; empty where there are none."""
    if not len(some.ordinals):
        return ""
    plain = msgspec.json.encode([some.teams, some.ordinals.tolist(), some.team.tolist()])
    return base64.b64encode(AESSIV(key.subkey(CANARIES, CIPHER_KEY)).encrypt(plain, [])).decode()


def unseal(sealed: str, key: IndexKey) -> Planted:
    """Return what ``seal`` was given. Raises AlteredError."""
    if not sealed:
        return Planted()
    try:
        plain = AESSIV(key.subkey(CANARIES, CIPHER_KEY)).decrypt(base64.b64decode(sealed), [])
    except (InvalidTag, ValueError):
        msg = "the canaries do not open: the manifest is altered"
        raise AlteredError(msg) from None
    teams, ordinals, team = msgspec.json.decode(plain, type=tuple[tuple[str, ...], list[int], list[int]])
    return Planted(np.array(ordinals, dtype=np.int64), np.array(team, dtype=np.int64), teams)


@dataclass(frozen=True, slots=True)
class Canary:
    """One row of the file."""

    line: int
    id: str = field(repr=False)
    team: str
    cells: tuple[Cell, ...] = field(repr=False)
    """As ``cells.Reader`` takes them."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The canaries in files of one make."""

    source: Path
    used: Columns
    rows: tuple[Canary, ...]


def read(source: Path, mapping: Sequence[str]) -> Sheet:
    """Return the canaries in a file. ``mapping``: as in ``--map``, of which counts what its columns have.

    Raises ValueError or OSError where there are none, and for a row without id or team.
    """
    table = open_table(source)
    names = [fold(name.strip()) for name in table.columns]
    if TEAM not in names:
        msg = f"{source} has no column {TEAM}: make the file with `exfilter canaries make`"
        raise ValueError(msg)
    team = names.index(TEAM)
    given = [entry for entry in mapping if fold(entry.partition("=")[2].strip()) in names]
    used = columns.recognise([*table.columns[:team], "", *table.columns[team + 1 :]], given)
    if Use.ID not in used.numbers:
        msg = f"{source}: no column holds customer ids: say which it is with --map id=COLUMN"
        raise ValueError(msg)
    wanted = tuple(sorted((*used.all, team)))
    reader, at = Reader(used, (), ""), wanted.index(team)
    rows = []
    for row in table.rows(wanted, lambda _: None):
        if isinstance(row, Broken):
            msg = f"{source}: line {row.line}: {row.reason}: make the file again"
            raise ValueError(msg)  # noqa: TRY004 - it is the file that is wrong
        cells = (*row.cells[:at], *row.cells[at + 1 :])
        rows.append(Canary(row.line, reader.customer_id(cells), _team(row.cells[at]), cells))
    return Sheet(source, used, _checked(source, rows))


def is_team(name: str) -> bool:
    """Whether a team may be called that: it stands in logs and reasons."""
    return _TEAM.fullmatch(name) is not None


def _team(cell: Cell) -> str:
    return cell.strip() if isinstance(cell, str) and is_team(cell.strip()) else ""


def _checked(source: Path, rows: Sequence[Canary]) -> tuple[Canary, ...]:
    for row in rows:
        if not row.id or not row.team:
            what = "customer id" if not row.id else f"{TEAM} of letters, digits, blanks or any of ._-"
            msg = f"{source}: line {row.line} has no {what}: add it"
            raise ValueError(msg)
    twice = [who for who, count in Counter(row.id for row in rows).items() if count > 1]
    if twice or not rows:
        lines = [row.line for row in rows if row.id in twice]
        msg = f"{source}: lines {lines} have one customer id" if twice else f"{source} holds no canaries"
        raise ValueError(msg)
    return tuple(rows)


def is_anchor(key: Key) -> bool:
    """Whether a key can tell a canary from all others: a whole address, number or ticket."""
    if key.kind is Kind.PHONE:
        return key.canonical.startswith(b"+")
    return key.kind is Kind.EMAIL or (key.kind is Kind.TICKET and not key.shape.startswith(_BARE))


class Anchors:
    """What identifies the canaries of a file, while they are taken into an index."""

    def __init__(self, sheet: Sheet, key: IndexKey) -> None:
        """Nothing is taken yet."""
        self._sheet, self._key = sheet, key
        self._lines: list[int] = []
        self._gatherer = Gatherer(key)

    def add(self, number: int, keys: Iterable[Key]) -> None:
        """Take the keys of a row. Raises ValueError where none of them can identify."""
        anchors = [key for key in keys if is_anchor(key)]
        if not anchors:
            line = self._sheet.rows[number].line
            msg = (
                f"{self._sheet.source}: line {line} has no e-mail address, phone number or ticket that can "
                f"be used, and a name alone identifies nobody: add one"
            )
            raise ValueError(msg)
        self._gatherer.add(number, anchors)

    def check(self, tables: Tables, ordinals: Int64Array) -> None:
        """Raise ValueError where another customer has one of them too. ``ordinals``: of each row."""
        found, _ = self._gatherer.take()
        row, bearer = tables.expand(tables.look_up(found.tag))
        shared = np.unique(found.row[row[bearer != ordinals[found.row[row]]]])
        if len(shared):
            lines = ", ".join(str(self._sheet.rows[number].line) for number in shared[:20].tolist())
            msg = (
                f"{self._sheet.source}: others have an e-mail address, phone or ticket of the canaries in "
                f"lines {lines}: where the CRM gave them ids of its own, write those into the file, or make "
                f"others"
            )
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Planting:
    """A file of canaries that was taken in."""

    sheet: Sheet
    anchors: Anchors
    rows: slice
    """Of the table that it was taken in with."""


def settled(planting: Iterable[Planting], ordinal: NDArray[np.integer], tables: Tables) -> dict[int, str]:
    """Return the team of each canary by ordinal. ``ordinal``: of all rows.

    Raises ValueError where others have what identifies one, and where files differ in a team.
    """
    teams: dict[int, str] = {}
    for each in planting:
        ordinals = ordinal[each.rows].astype(np.int64)
        each.anchors.check(tables, ordinals)
        for row, who in zip(each.sheet.rows, ordinals.tolist(), strict=True):
            if teams.setdefault(who, row.team) != row.team:
                msg = f"{each.sheet.source}: line {row.line}: it is of team {teams[who]} in another file"
                raise ValueError(msg)
    return teams
