"""``exfilter proxy``: the egress proxy that holds transfers with customers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from exfilter import settings
from exfilter.door.logs import Format, logger
from exfilter.proxy import Door, serve
from exfilter.scanner import SLOW, Scanner

PORTS = range(65536)
BROKEN = 2
"""Exit code where it could not start."""


def proxy(
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one.")
    ] = "127.0.0.1:8080",
    auth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="htpasswd file of the users who may use the proxy.")
    ] = None,
    upstream_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of the authorities that destinations are trusted by."),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set an option of mitmproxy."),
    ] = None,
    status: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="Answer /healthz, /readyz and /metrics there. Default: nowhere."
        ),
    ] = "",
    log_format: Annotated[Format, typer.Option(help="How lines on standard error look.")] = Format.TEXT,
    processes: Annotated[
        int, typer.Option(min=1, max=256, metavar="N", help="Processes that share the port.")
    ] = 1,
    *,
    audit_only: Annotated[
        bool, typer.Option("--audit-only", help="Decide and record, but let every transfer pass.")
    ] = False,
) -> None:
    """Hold every request until it is scanned, and keep back those that carry too many customers.

    Prints its address and the certificate to trust on standard error, and runs until it is interrupted.
    Exit codes: 0 stopped, 2 could not start.
    """
    log = logger(log_format)
    try:
        host, port = _address("--listen", listen)
        probed = _address("--status", status) if status else None
        given = settings.load(config)
        door = Door(host, port, audit_only, auth, upstream_ca, tuple(options or ()), probed)
        if SLOW:
            log.warning(SLOW)
        if processes > 1:
            raise typer.Exit(_supervised(given, door, processes, log_format))
        serve(given, door, Scanner(given), log)
    except (ValueError, OSError) as error:
        if log_format is Format.TEXT:
            raise
        log.error(str(error))  # noqa: TRY400 - no traceback: its locals would show values
        raise typer.Exit(BROKEN) from None
    # A scan that hangs is not waited for: what it was to decide on has not been forwarded and never will.
    os._exit(0)


def _supervised(given: settings.Settings, door: Door, processes: int, style: Format) -> int:
    from exfilter.supervisor import supervise

    # They share the cores that one process would have for its scans.
    shared = given.model_copy(update={"workers": max(1, given.workers // processes)})
    return supervise(shared, door, processes, style)


def _address(option: str, given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) in PORTS):
        msg = f"{option} {given}: write HOST:PORT, for example 127.0.0.1:8080"
        raise ValueError(msg)
    return host.removeprefix("[").removesuffix("]"), int(port)
