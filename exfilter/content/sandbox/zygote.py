"""A process that has the parsers loaded, and forks a child for each who asks.

It is one thread and reads nothing but the commands of its host. When the host is gone it ends, and
its children with it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
from collections.abc import Mapping

from exfilter.children import reap
from exfilter.content.sandbox import child
from exfilter.content.sandbox.found import Parser

_ROUND = 4096


def main() -> None:
    """Serve the host at the other end of the socket whose descriptor is the first argument."""
    descriptor, memory, seconds = map(int, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host alone reacts to Ctrl-C
    control = socket.socket(fileno=descriptor)
    children: dict[int, int] = {}
    parsers: dict[str, Parser] = {}
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _ROUND, 1)
        reap(children)
        if not message:
            break
        command, _, rest = message.decode().partition(" ")
        number, _, place = rest.partition(" ")
        if command == "end":
            _end(children, int(number))
        elif descriptors:
            _load(place, parsers)
            children[int(number)] = _fork(control, descriptors[0], parsers, memory, seconds)
    for child_number in list(children):
        _end(children, child_number)


def _load(place: str, parsers: dict[str, Parser]) -> None:
    """Import a parser once, in front of the fork. One that cannot be imported is absent.

    Where its module has a function ``prepare``, that loads what is to be loaded once.
    """
    if place not in parsers:
        name, _, function = place.partition(":")
        with contextlib.suppress(ImportError):  # an extra that is not installed
            module = importlib.import_module(name)
            getattr(module, "prepare", lambda: None)()
            parsers[place] = getattr(module, function)


def _fork(
    control: socket.socket, descriptor: int, parsers: Mapping[str, Parser], memory: int, seconds: int
) -> int:
    process = os.fork()
    if process:
        os.close(descriptor)
        return process
    try:  # the child: it never comes back from here
        control.close()
        with socket.socket(fileno=descriptor) as host:
            child.serve(host, dict(parsers), memory, seconds)
    except BaseException:  # noqa: BLE001 - no traceback: it could hold a value
        os._exit(1)
    os._exit(0)


def _end(children: dict[int, int], number: int) -> None:
    process = children.pop(number, 0)
    if process:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
