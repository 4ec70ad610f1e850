"""The door's side: children that read contents, and what happens when one dies."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import msgspec
import numpy as np

from exfilter.content.sandbox import frames
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.content.sandbox.table import BOUNDS, INSTEAD, PARSERS, TOGETHER, USUAL, Bounds
from exfilter.model import Int64Array, Reason

_FAILURES = frozenset({Reason.MALFORMED, Reason.OVER_BUDGET, Reason.OPAQUE})
"""What becomes of a whole content where its parser dies, or where the library is missing."""
_PATIENCE = 0.1
"""Seconds after which the deadline is looked at."""
_RECEIVED = 1 << 18
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # Arrow's own memory pool reserves 1 GiB when it is loaded, which would be within the bound then.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


class _Zygote:
    """The process that forks the children. For a process of ours and the parsers of the same bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._numbers = count()
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, place: str) -> _Child:
        """Return a new child that has loaded the parser at a place (see ``table``). Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            number = next(self._numbers)
            command = f"fork {number} {place}".encode()
            try:
                socket.send_fds(self._running(), [command], [theirs.fileno()])
            except OSError:  # the zygote has died: once more, with another
                self._control = None
                socket.send_fds(self._running(), [command], [theirs.fileno()])
        ours.settimeout(_PATIENCE)
        return _Child(number, place, ours)

    def end(self, child: _Child) -> None:
        """End a child, whatever it is doing."""
        child.link.close()
        with self._lock, contextlib.suppress(OSError):
            if self._control is not None:
                self._control.send(f"end {child.number}".encode())

    def _running(self) -> socket.socket:
        if self._control is None or self._owner != os.getpid():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            module = "exfilter.content.sandbox.zygote"
            number = theirs.fileno()
            # Of the environment only what finds the code: keys may be in it.
            names = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
            environment = {name: os.environ[name] for name in names if name in os.environ}
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    # -P: the folder that somebody scans is no place to import from.
                    [sys.executable, "-P", "-m", module, str(number), *map(str, self._bounds)],
                    pass_fds=[number],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**environment, **_ENVIRONMENT},
                )
            self._control, self._owner = ours, os.getpid()
        return self._control

    def close(self) -> None:
        """Let the zygote end."""
        if self._control is not None and self._owner == os.getpid():
            self._control.close()
            self._control = None
            if self._process is not None:
                self._process.wait()


_ZYGOTES = {bounds: _Zygote(bounds) for bounds in (USUAL, *BOUNDS.values())}
_PLACES = {PARSERS[parser]: bounds for parser, bounds in BOUNDS.items()}


def restart() -> None:
    """Let the next child come from a new zygote, with the environment as it is then."""
    for zygote in _ZYGOTES.values():
        zygote.close()


atexit.register(restart)


def _zygote(place: str) -> _Zygote:
    return _ZYGOTES[_PLACES.get(place, USUAL)]


@dataclass(slots=True)
class _Child:
    number: int
    place: str
    link: socket.socket
    answers: frames.Answers = field(default_factory=frames.Answers)
    lost: bool = False


class _LostError(Exception):
    """The child has died, or does not say what a child may say."""


_LOST = (_LostError, OSError, ValueError, msgspec.DecodeError)


class Sandbox:
    """The children that read the contents of one transfer. They end with it."""

    def __init__(self, overdue: Callable[[], bool]) -> None:
        """`overdue`: whether the transfer's deadline has passed."""
        self._overdue = overdue
        self._idle: list[_Child] = []

    def parse(self, parser: str, descriptor: int, wishes: Wishes) -> Iterator[Found]:
        """Yield what a parser finds in a file, or several that read it together.

        A member has to be used up before the next thing is asked for. Never raises: what a child does
        not survive is left, as malformed.
        """
        if parser not in TOGETHER:
            yield from self._either(parser, descriptor, wishes)
            return
        whole: dict[Reason, Left] = {}
        for each in TOGETHER[parser]:
            for found in self._either(each, descriptor, wishes):
                if isinstance(found, Left) and not found.step:  # of the same bytes: it counts once
                    most = whole.setdefault(found.reason, found)
                    whole[found.reason] = max(most, found, key=lambda left: left.size)
                else:
                    yield found
        yield from whole.values()

    def _either(self, parser: str, descriptor: int, wishes: Wishes) -> Iterator[Found]:
        """Yield what a parser finds and, where it fails or finds nothing, what the one in its place finds.

        A failure is forgotten where the next one finds something and does not fail.
        """
        failures: list[Left] = []
        while parser:
            failed, fruitful = [], False
            for found in self._parse(parser, descriptor, wishes):
                if isinstance(found, Left) and not found.step and found.reason in _FAILURES:
                    failed.append(found)
                else:
                    fruitful = fruitful or not isinstance(found, Left)
                    yield found
            done = fruitful and not failed
            failures = [] if done else failures + failed
            parser = "" if done else INSTEAD.get(parser, "")
        yield from failures

    def _parse(self, parser: str, descriptor: int, wishes: Wishes) -> Iterator[Found]:
        size = max(1, os.fstat(descriptor).st_size)
        try:
            child = self._child(PARSERS[parser])
        except OSError:
            yield Left(Reason.MALFORMED, size)
            return
        whole = False
        try:
            frames.ask(child.link, frames.Request(child.place, wishes.passwords, wishes.again), descriptor)
            yield from self._found(child)
            whole = True
        except _LOST:
            if not self._overdue():
                yield Left(Reason.MALFORMED, size)
        finally:
            if whole:
                self._idle.append(child)
            else:
                _zygote(child.place).end(child)

    def close(self) -> None:
        """End all children."""
        while self._idle:
            child = self._idle.pop()
            _zygote(child.place).end(child)

    def _child(self, place: str) -> _Child:
        for child in self._idle:
            if child.place == place:
                self._idle.remove(child)
                return child
        return _zygote(place).start(place)

    def _found(self, child: _Child) -> Iterator[Found]:
        while not isinstance(message := self._next(child), frames.Done):
            if isinstance(message, frames.Begin):
                chunks = self._chunks(child)
                yield Member(message.name, chunks)
                for _ in chunks:  # what the reader did not want
                    pass
                if child.lost:
                    raise _LostError
            elif isinstance(message, frames.Words):
                yield Text(message.text, message.channel, _records(message.records))
            elif isinstance(message, frames.Rest):
                yield Left(Reason(message.reason), max(1, message.size), message.step)
            else:
                raise _LostError

    def _chunks(self, child: _Child) -> Iterator[bytes]:
        """Yield the bytes of a member. Ends early, without an error, where the child is lost."""
        try:
            while not isinstance(message := self._next(child), frames.End):
                if not isinstance(message, frames.Data):
                    raise _LostError
                yield message.data
        except _LOST:
            child.lost = True

    def _next(self, child: _Child) -> frames.Answer:
        while (message := child.answers.next()) is None:
            if self._overdue():  # also where the child never stops talking
                raise _LostError
            try:
                data = child.link.recv(_RECEIVED)
            except TimeoutError:
                continue
            if not data:
                raise _LostError
            child.answers.add(data)
        return message


def _records(data: bytes | None) -> Int64Array | None:
    return None if data is None else np.frombuffer(data, dtype="<i8").astype(np.int64)
