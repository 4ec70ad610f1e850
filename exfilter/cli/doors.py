"""What the commands share that open a door: options, and how one of them becomes its program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from exfilter import settings
from exfilter.door.logs import Format, logger
from exfilter.door.plan import Kind, Plan

PORTS = range(65536)
BROKEN = 2
"""Exit code where it could not start."""
PROGRAMS = {Kind.PROXY: "exfilter.proxy", Kind.ICAP: "exfilter.icap.server"}

Config = Annotated[Path, typer.Option(help="Configuration folder.")]
Listen = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one.")
]
Status = Annotated[
    str,
    typer.Option(metavar="HOST:PORT", help="Answer /healthz, /readyz and /metrics there. Default: nowhere."),
]
LogFormat = Annotated[Format, typer.Option(help="How lines on standard error look.")]
Processes = Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes that share the port.")]
AuditOnly = Annotated[
    bool, typer.Option("--audit-only", help="Decide and record, but let every transfer pass.")
]


@contextmanager
def complaining(style: Format) -> Iterator[None]:
    """Say what is wrong as the door's lines look."""
    try:
        yield
    except (ValueError, OSError) as error:
        if style is Format.TEXT:
            raise
        logger(style).error(str(error))
        raise typer.Exit(BROKEN) from None


def plan(given: settings.Settings, processes: int, **options: Any) -> Plan:  # noqa: ANN401 - of ``Plan``
    """Put what the folder says and what the command line says together."""
    return Plan(
        folder=given.folder,
        spool=given.spool,
        deadline=given.deadline,
        max_body=given.max_body,
        spool_bytes=given.spool_bytes,
        # Several processes share the cores that one would have for its scans.
        workers=max(1, given.workers // processes),
        queue=given.queue,
        patience=given.patience,
        contact=given.contact,
        processes=processes,
        **options,
    )


def become(made: Plan) -> NoReturn:
    """Be the door from here on: this process, without what it took to get here."""
    name = PROGRAMS[made.kind] if made.processes == 1 else "exfilter.supervisor"
    os.execv(sys.executable, [sys.executable, "-P", "-m", name, str(made.written())])  # noqa: S606


def readable(files: Iterable[tuple[str, Path | None, str]]) -> None:
    """Raise OSError with the advice for a file that cannot be read: option, file, advice."""
    for option, file, advice in files:
        if file is None:
            continue
        try:
            file.open("rb").close()
        except OSError as error:
            msg = f"{option} {file}: {error.strerror}; {advice}"
            raise OSError(msg) from None


def address(listen: str, option: str = "--listen") -> tuple[str, int]:
    """Return host and port. Raises ValueError."""
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) in PORTS):
        msg = f"{option} {listen}: write HOST:PORT with a port up to 65535, such as 127.0.0.1:8080"
        raise ValueError(msg)
    return host.removeprefix("[").removesuffix("]"), int(port)
