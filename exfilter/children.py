"""Processes that were forked from this one, by the number that somebody else knows them by."""

from __future__ import annotations

import contextlib
import os


def reap(children: dict[int, int]) -> None:
    """Forget those that have ended, so that no signal is sent to whoever gets their id next."""
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitpid(-1, os.WNOHANG)[0]:
            for number in [number for number, process in children.items() if process == ended]:
                del children[number]
