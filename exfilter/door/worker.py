"""A process that judges: it has the index open, and forks a child of itself for each worker that is wanted.

Run as ``python -P -m exfilter.door.worker FD``; at the other end of the socket is a door (``nursery``). It is
one thread, so that it may fork at any time. Everything slow (imports, the check of the index) is done once,
before the first fork, and its memory is shared. When the door is gone it ends, and its children with it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from exfilter import scanner, settings
from exfilter.body import Arriving, Filed
from exfilter.children import reap
from exfilter.door import chores, commands, tasks
from exfilter.door.clerk import Clerk, Failure
from exfilter.door.ending import end_with
from exfilter.door.logs import discreet, logger
from exfilter.journal import Journal
from exfilter.ledger import open_ledger
from exfilter.ledger.opening import narrow
from exfilter.quarantine import Quarantine
from exfilter.who.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from exfilter.model import Expired

_ROUND = 4096


def main() -> None:
    """Serve the pool at the other end of the socket whose descriptor is the first argument."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the door alone reacts to them
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        wanted = commands.wanted(control.recv(_ROUND))
        given = settings.load(Path(wanted.folder))
        scanning = scanner.Scanner(given)
        with Quarantine.open(given.quarantine, given.reviewers):
            pass
        open_ledger(given).close()
    except (ValueError, OSError) as error:
        control.send(str(error).encode()[:_ROUND])
        return
    log = logger(wanted.style)
    if scanner.SLOW:
        log.warning(scanner.SLOW)
    if note := narrow(given):
        log.warning(note)
    control.send(commands.READY)
    with discreet(log):
        _serve(control, given, scanning, audit_only=wanted.audit_only)


def _serve(
    control: socket.socket, given: settings.Settings, scanning: scanner.Scanner, *, audit_only: bool
) -> None:
    children: dict[int, int] = {}
    _fork_chores(control, given, scanning)
    while True:
        message, files, _, _ = socket.recv_fds(control, _ROUND, 1)
        reap(children)
        if not message:
            break
        command = commands.command(message)
        child = children.get(command.number, 0)
        if isinstance(command, commands.Fork):
            children[command.number] = _fork(control, files[0], given, scanning, audit_only=audit_only)
        elif child and isinstance(command, commands.End):
            os.kill(child, signal.SIGKILL)
        elif child:
            os.setpriority(os.PRIO_PROCESS, child, 10)
    for child in children.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _fork(
    control: socket.socket,
    descriptor: int,
    given: settings.Settings,
    scanning: scanner.Scanner,
    *,
    audit_only: bool,
) -> int:
    parent = os.getpid()
    gc.freeze()  # what all share is not gone through again, nor copied because it was
    process = os.fork()
    if process:
        os.close(descriptor)
        return process
    try:  # the child: it never comes back from here
        control.close()
        end_with(parent)
        quarantine = Quarantine.open(given.quarantine, given.reviewers)
        called = Pseudonyms(given.pseudonym_key) if given.pseudonyms else str
        journal, ledger = Journal(given.decisions, called), open_ledger(given)
        clerk = Clerk(scanning, quarantine, journal, ledger, audit_only=audit_only)
        with socket.socket(fileno=descriptor) as link:
            while (task := tasks.take(link)) is not None:
                tasks.answer(link, done(clerk, link, *task))
    except BaseException as error:  # noqa: BLE001 - no traceback: it could hold a value
        logging.getLogger("exfilter.door").error("worker ended: %s", type(error).__name__)  # noqa: TRY400
        os._exit(1)
    os._exit(0)


def _fork_chores(control: socket.socket, given: settings.Settings, scanning: scanner.Scanner) -> None:
    """Fork who keeps the ledger up and says what becomes of the policy. It ends with this process."""
    parent = os.getpid()
    if os.fork():
        return
    try:  # the child: it never comes back from here
        control.close()
        end_with(parent)
        os.nice(10)
        chores.serve(given, scanning.follow)
    except BaseException as error:  # noqa: BLE001 - no traceback: it could hold a value
        logging.getLogger("exfilter.door").error("chores ended: %s", type(error).__name__)  # noqa: TRY400
    os._exit(1)


def done(clerk: Clerk, link: socket.socket | None, task: tasks.Task, files: list[int]) -> tasks.Outcome:
    """Do a task, and close the files that came with it."""
    try:
        if isinstance(task, tasks.Check):
            return clerk.check()
        if isinstance(task, tasks.Restore):
            return clerk.restore(task.transfer_id)
        if isinstance(task, tasks.Refuse | tasks.Open):
            return _of_head(clerk, task)
        if isinstance(task, tasks.Judge) and task.size < 0 and link is not None:
            return _arriving(clerk, link, task, files[0])
        return _with_body(clerk, task, task.body if task.body is not None else Filed(files[0], task.size))
    finally:
        for descriptor in files:
            os.close(descriptor)


def _with_body(
    clerk: Clerk, task: tasks.Judge | tasks.Keep | tasks.View, body: bytes | Filed
) -> tasks.Outcome:
    transfer = tasks.transfer(task.transfer, body)
    if isinstance(task, tasks.View):
        return clerk.view(transfer, _expiry(task.until), task.begin, task.missing)
    if isinstance(task, tasks.Keep):
        return clerk.keep(transfer, Failure(task.reason, task.cause), task.begin)
    return clerk.judge(transfer, _expiry(task.until), task.begin)


def _of_head(clerk: Clerk, task: tasks.Refuse | tasks.Open) -> tasks.Outcome:
    transfer = tasks.transfer(task.transfer, b"")
    if isinstance(task, tasks.Open):
        return clerk.open(transfer, _expiry(task.until), task.begin)
    return clerk.refuse(transfer, Failure(task.reason, task.cause), lost=task.lost)


def _expiry(until: float) -> Expired:
    return lambda: time.monotonic() >= until


def _arriving(clerk: Clerk, link: socket.socket, task: tasks.Judge, file: int) -> tasks.Outcome:
    """Judge a transfer while its body is still coming in."""
    last = tasks.More(0)

    def more() -> tuple[int, bool]:
        nonlocal last
        try:
            last = tasks.take_more(link)
        except (EOFError, OSError):
            os._exit(0)  # the sender has gone, or the worker is wanted elsewhere: nobody waits for an outcome
        return last.size, last.end > 0

    body = Arriving(file, more)

    def expired() -> bool:
        return last.end > 0 and time.monotonic() >= last.until

    transfer = tasks.transfer(task.transfer, body)
    return clerk.judge(transfer, expired, task.begin)


if __name__ == "__main__":
    main()
