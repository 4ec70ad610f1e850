"""What the pool says to the process that its workers are forked from."""

from __future__ import annotations

import msgspec

from exfilter.door.logs import Format

READY = b"ready"
"""Its answer, once it has everything loaded. Anything else says why it could not."""


class Wanted(msgspec.Struct, frozen=True):
    """What it is to load: said first."""

    folder: str
    """The configuration folder."""
    audit_only: bool
    style: Format
    """How lines on standard error look."""


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Start a worker, whose end of its socket comes along."""

    number: int


class End(msgspec.Struct, frozen=True, tag=True):
    """End a worker, whatever it is doing."""

    number: int


class Demote(msgspec.Struct, frozen=True, tag=True):
    """Let others have the processor before this worker."""

    number: int


Command = Fork | End | Demote
encode = msgspec.msgpack.Encoder().encode
command = msgspec.msgpack.Decoder(Command).decode
wanted = msgspec.msgpack.Decoder(Wanted).decode
