"""What host and child say to each other: a length of four bytes, then a message in MessagePack.

The child may have been taken over by what it read. So nothing is unpickled, every message is checked
against its type, and none is longer than ``LONGEST``.
"""

from __future__ import annotations

import socket
import struct

import msgspec

LONGEST = 1 << 23
_LENGTH = struct.Struct("<I")


class Request(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Read the file whose descriptor comes with this."""

    parser: str
    passwords: tuple[str, ...] = ()
    again: bool = False

    def __repr__(self) -> str:
        """Leave out the passwords."""
        return f"Request({self.parser})"


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A member begins."""

    name: str


class Data(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Bytes of the member that began last."""

    data: bytes


class End(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The member has ended."""


class Words(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """See ``found.Text``."""

    text: str
    channel: str
    records: bytes | None
    """Little-endian numbers of 64 bits."""


class Rest(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """See ``found.Left``."""

    reason: str
    size: int
    step: str


class Done(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The parser has come to its end."""


Answer = Begin | Data | End | Words | Rest | Done
_ENCODER = msgspec.msgpack.Encoder()
_ANSWERS = msgspec.msgpack.Decoder(Answer)
_REQUESTS = msgspec.msgpack.Decoder(Request)


def send(to: socket.socket, message: Answer) -> None:
    """Send one message."""
    data = _ENCODER.encode(message)
    to.sendall(_LENGTH.pack(len(data)) + data)


def ask(to: socket.socket, message: Request, descriptor: int) -> None:
    """Send a request and the file."""
    data = _ENCODER.encode(message)
    socket.send_fds(to, [_LENGTH.pack(len(data))], [descriptor])
    to.sendall(data)


def asked(source: socket.socket) -> tuple[Request, int] | None:
    """Receive a request and the descriptor of its file; None when the host is gone."""
    data, descriptors, _, _ = socket.recv_fds(source, _LENGTH.size, 1)
    if len(data) < _LENGTH.size or not descriptors:
        return None
    request = bytearray()
    while len(request) < _LENGTH.unpack(data)[0]:
        piece = source.recv(1 << 16)
        if not piece:
            return None
        request += piece
    return _REQUESTS.decode(request), descriptors[0]


class Answers:
    """Puts what is received together to messages."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Append what was received."""
        self._data += data

    def next(self) -> Answer | None:
        """Return a message that is whole, or None. Raises ValueError for what is none."""
        if len(self._data) < _LENGTH.size:
            return None
        length = _LENGTH.unpack_from(self._data)[0]
        if length > LONGEST:
            msg = "an answer is too long"
            raise ValueError(msg)
        if len(self._data) < _LENGTH.size + length:
            return None
        message: Answer = _ANSWERS.decode(memoryview(self._data)[_LENGTH.size : _LENGTH.size + length])
        del self._data[: _LENGTH.size + length]
        return message
