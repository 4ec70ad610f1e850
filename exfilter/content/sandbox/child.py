"""Runs parsers, within bounds, until the host hangs up."""

from __future__ import annotations

import io
import os
import resource
import socket
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from exfilter.content.sandbox import frames
from exfilter.content.sandbox.found import Found, Left, Member, Parser, Text, Wishes
from exfilter.model import Reason

_PIECE = 1 << 20
"""Bytes or characters that are sent at once."""


def serve(host: socket.socket, parsers: dict[str, Parser], memory: int, seconds: int) -> None:
    """Answer requests. `memory`: bytes beside what the process has; `seconds` of CPU for each request."""
    _bound(memory)
    while (given := frames.asked(host)) is not None:
        request, descriptor = given
        _time(seconds)
        wishes = Wishes(request.passwords, request.again)
        with os.fdopen(descriptor, "rb") as file:
            for found in _found(parsers.get(request.parser, _absent), file, wishes):
                _tell(host, found)
        frames.send(host, frames.Done())


def _bound(memory: int) -> None:
    """Leave the process that much memory, no core dump and no file to write."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - it has no business with paths
        data = int(file.read().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (data + memory, data + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _time(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (end, hard))


def _absent(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Stand for a parser whose library is not installed."""
    yield Left(Reason.OPAQUE, file.seek(0, io.SEEK_END))


def _found(parser: Parser, file: BinaryIO, wishes: Wishes) -> Iterator[Found]:
    """Yield what a parser finds, and that it failed where it did."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        yield from parser(file, wishes)
    except MemoryError:
        yield Left(Reason.OVER_BUDGET, size)
    except OSError as error:
        if isinstance(error, (BrokenPipeError, ConnectionError)):
            raise  # the host is gone
        yield Left(Reason.MALFORMED, size)
    except Exception:  # noqa: BLE001 - fail closed: what a parser cannot read is reported, whatever it raises
        yield Left(Reason.MALFORMED, size)


def _tell(host: socket.socket, found: Found) -> None:
    if isinstance(found, Left):
        frames.send(host, frames.Rest(found.reason.value, max(1, found.size), _sound(found.step)))
    elif isinstance(found, Member):
        _tell_member(host, found)
    else:
        _tell_text(host, found)


def _tell_member(host: socket.socket, member: Member) -> None:
    frames.send(host, frames.Begin(_sound(member.name)))
    left = None
    try:
        for chunk in member.chunks:
            for start in range(0, len(chunk), _PIECE):
                frames.send(host, frames.Data(bytes(chunk[start : start + _PIECE])))
    except MemoryError:
        left = Left(Reason.OVER_BUDGET, 1)
    except (BrokenPipeError, ConnectionError):
        raise
    except Exception:  # noqa: BLE001 - fail closed, as above: other members may be whole
        left = Left(Reason.MALFORMED, 1)
    frames.send(host, frames.End())
    if left is not None:
        frames.send(host, frames.Rest(left.reason.value, left.size, _sound(member.name)))


def _tell_text(host: socket.socket, found: Text) -> None:
    for start in range(0, len(found.text), _PIECE):
        end = start + _PIECE
        records = None
        if found.records is not None:
            mine = found.records[(found.records >= start) & (found.records < end)] - start
            records = np.ascontiguousarray(mine, dtype="<i8").tobytes()
        frames.send(host, frames.Words(_sound(found.text[start:end]), found.channel, records))


def _sound(text: str) -> str:
    """Return text that can be sent: lone surrogates become U+FFFD, and nothing changes its length."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text
