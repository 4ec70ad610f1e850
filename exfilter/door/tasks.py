"""What the door and its workers say to each other: messages of checked types, bodies as open files.

The door's process holds the network and no key; a worker's process holds the index, the quarantine and
the decision log. Between them is a pair of sockets that keep messages apart (``SOCK_SEQPACKET``).
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import msgspec

from exfilter.body import Arriving, Filed, pieces, size
from exfilter.model import Buffer, Headers, Reason, Stream, Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

INLINE = 96 * 1024
"""Bytes of a message that is sent as it is; a larger one goes as a file."""
SMALL = 64 * 1024
"""Bytes of a body that is a part of its message; a larger one goes as a file of its own."""
_ROUND = 1 << 18
_PLAIN, _FILED = b"p", b"f"


CUT = frozenset({Reason.OVER_BUDGET, Reason.DEADLINE})
"""Why a response is counted in part only: there was more than is read, or than there was time for."""


class Sent(msgspec.Struct, frozen=True):
    """A transfer without its body."""

    door: str
    name: str
    actor: str
    groups: frozenset[str]
    """As whoever asks the door said; what the settings say of them the worker finds out."""
    destination: str
    method: str
    url: str
    headers: Headers
    trailers: Headers
    time: float
    stream: Stream | None


class Judge(msgspec.Struct, frozen=True, tag=True):
    """Scan, decide, record: the first message of a task."""

    transfer: Sent
    begin: float
    """When the request was whole, on the clock that all processes of a machine share."""
    until: float
    """When the scan has to end, on the same clock."""
    size: int
    """Bytes of the body; -1: it still arrives, ``More`` follows."""
    body: bytes | None = None
    """A small one. None: in the file that comes along."""


class More(msgspec.Struct, frozen=True, tag=True):
    """More of a body has arrived in its file."""

    size: int
    end: float = 0.0
    """When the request was whole. 0: it is not yet. Then nothing more comes."""
    until: float = 0.0


class Keep(msgspec.Struct, frozen=True, tag=True):
    """Record a transfer that was not scanned, and seal it."""

    transfer: Sent
    begin: float
    reason: str
    """A sentence without any value."""
    cause: Reason
    size: int
    body: bytes | None = None


class Refuse(msgspec.Struct, frozen=True, tag=True):
    """Record a transfer that is not forwarded and whose body is not there to be kept."""

    transfer: Sent
    reason: str
    cause: Reason
    lost: bool = False
    """Whether there is nothing to forward either, where everything passes."""


class Open(msgspec.Struct, frozen=True, tag=True):
    """Judge the head of a request that is to go on message by message, where the policy allows that."""

    transfer: Sent
    begin: float
    until: float


class View(msgspec.Struct, frozen=True, tag=True):
    """Count who is in a response that an actor was shown. It is not held."""

    transfer: Sent
    begin: float
    until: float
    size: int
    missing: int = 0
    """Bytes behind the body that were delivered and not copied."""
    body: bytes | None = None


class Restore(msgspec.Struct, frozen=True, tag=True):
    """Let a release hold again: nothing of the transfer that passed by it has left the door."""

    transfer_id: str


class Check(msgspec.Struct, frozen=True, tag=True):
    """Look whether transfers could be scanned, kept and recorded now. The rule says what could not."""


Task = Judge | Keep | Refuse | Open | View | Restore | Check


class Outcome(msgspec.Struct, frozen=True):
    """What became of a transfer, after it was written down."""

    forward: bool
    transfer_id: str = ""
    """Its id in the quarantine. Empty: it is not kept there."""
    released: str = ""
    """The id of the release that it passes by. Empty: it needs none."""
    action: str = ""
    """What the verdict says. Empty: there is none."""
    rule: str = ""
    failed: bool = False
    """Whether the transfer was not scanned at all."""
    unscanned: dict[str, int] = {}
    """Parts that were not read, by reason."""
    sealing: float = 0.0
    """Seconds that it took to be sealed. 0: it was not."""
    recorded: bool = True
    """Whether it stands in the decision log."""
    customers: tuple[int, ...] = ()
    """Who was identified in a message of a stream, and in those before it."""
    unread: int = 0
    """Bytes of a message of a stream, and of those before it, that could not be read."""
    busy: bool = False
    """Nobody had time: the sender may try again."""
    tag: str = ""
    """What policy and index decided, as a digest of 24 hexadecimal digits. Empty: nothing was decided."""


_encode = msgspec.msgpack.Encoder().encode
_task = msgspec.msgpack.Decoder(Task).decode
_more = msgspec.msgpack.Decoder(More).decode
_outcome = msgspec.msgpack.Decoder(Outcome).decode


def sent(transfer: Transfer) -> Sent:
    """Return everything of a transfer but its body."""
    return Sent(*(getattr(transfer, name) for name in Sent.__struct_fields__))


def inline(transfer: Transfer) -> bytes | None:
    """Return a body that is small enough to be a part of a message."""
    body = transfer.body
    return bytes(body) if isinstance(body, bytes | memoryview) and size(body) <= SMALL else None


def give(link: socket.socket, task: Task | More, files: Sequence[int] = ()) -> None:
    """Send a task, with the file of its body. Raises OSError where nobody takes it."""
    message = _encode(task)
    if len(message) <= INLINE:
        socket.send_fds(link, [_PLAIN + message], files)
        return
    descriptor = memory(message)
    try:
        socket.send_fds(link, [_FILED], [descriptor, *files])
    finally:
        os.close(descriptor)


def take(link: socket.socket) -> tuple[Task, list[int]] | None:
    """Return the next task and the files that came along, which the taker closes; None: there is no more."""
    data, files, _, _ = socket.recv_fds(link, _ROUND, 2)
    if not data:
        return None
    if data[:1] == _FILED:
        whole = os.pread(files[0], os.fstat(files[0]).st_size, 0)
        os.close(files.pop(0))
        return _task(whole), files
    return _task(data[1:]), files


def take_more(link: socket.socket) -> More:
    """Wait for more of a body. Raises EOFError where nothing comes any more."""
    data = link.recv(_ROUND)
    if not data:
        raise EOFError
    return _more(data[1:])


def answer(link: socket.socket, outcome: Outcome) -> None:
    """Send what became of a task."""
    link.sendall(_encode(outcome))


def answered(data: bytes) -> Outcome:
    """Read what became of a task. Raises ValueError for anything else."""
    return _outcome(data)


def transfer(head: Sent, body: bytes | Filed | Arriving) -> Transfer:
    """Put a transfer together again."""
    return Transfer(body=body, **{name: getattr(head, name) for name in Sent.__struct_fields__})


def memory(data: Buffer) -> int:
    """Return a file in memory with these bytes in it; the caller closes it."""
    descriptor = os.memfd_create("task", os.MFD_CLOEXEC)
    for piece in pieces(data):
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]
    return descriptor
