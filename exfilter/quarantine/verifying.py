"""Whether the database and the sealed files fit together. Needs no private key."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from exfilter.database import Database
from exfilter.quarantine.tables import transfers


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


def body_file(bodies: Path, transfer_id: str) -> Path:
    """Return the sealed file of a transfer."""
    return bodies / f"{transfer_id}.age"


def verified(database: Database, bodies: Path) -> Verification:
    """Compare every row with its sealed file."""
    wanted = sa.select(transfers.c.id, transfers.c.sealed_bytes, transfers.c.sealed_sha256)
    files = {file.name for file in bodies.iterdir()}  # Before the rows: a file comes first.
    with database.transaction() as connection:
        rows = connection.execute(wanted).all()
    missing = {row.id for row in rows if not body_file(bodies, row.id).exists()}
    kept = (row for row in rows if row.id not in missing)
    return Verification(
        checked=len(rows),
        missing=tuple(sorted(missing)),
        damaged=tuple(
            row.id
            for row in kept
            if not _is_whole(body_file(bodies, row.id), row.sealed_bytes, row.sealed_sha256)
        ),
        orphans=tuple(sorted(files - {body_file(bodies, row.id).name for row in rows})),
    )


def _is_whole(file: Path, size: int, sha256: str) -> bool:
    with file.open("rb") as opened:
        found: str = hashlib.file_digest(opened, "sha256").hexdigest()
        return os.fstat(opened.fileno()).st_size == size and found == sha256
