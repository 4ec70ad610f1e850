"""``exfilter proxy``: the egress proxy that holds transfers with customers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from exfilter import settings
from exfilter.door.logs import Format, logger
from exfilter.door.plan import Plan

PORTS = range(65536)
BROKEN = 2
"""Exit code where it could not start."""


Config = Annotated[Path, typer.Option(help="Configuration folder.")]
Listen = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one.")
]
Auth = Annotated[
    Path | None, typer.Option(metavar="FILE", help="htpasswd file of the users who may use the proxy.")
]
ClientCa = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="PEM file of the authorities whose client certificates say who somebody is, "
        "on TLS to the proxy itself. Without --auth, nobody else is served.",
    ),
]
Socks = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address to speak SOCKS5 on as well.")]
UpstreamCa = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="PEM file of the authorities that destinations are trusted by."),
]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set an option of mitmproxy.")
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


def proxy(
    config: Config = Path(),
    listen: Listen = "127.0.0.1:8080",
    auth: Auth = None,
    client_ca: ClientCa = None,
    socks: Socks = None,
    upstream_ca: UpstreamCa = None,
    options: Options = None,
    status: Status = "",
    log_format: LogFormat = Format.TEXT,
    processes: Processes = 1,
    *,
    audit_only: AuditOnly = False,
) -> None:
    """Hold every request until it is scanned, and keep back those that carry too many customers.

    Prints its address and the certificate to trust on standard error, and runs until it is interrupted.
    Exit codes: 0 stopped, 2 could not start.
    """
    try:
        for option, file, advice in (
            ("--auth", auth, "make it with `htpasswd -B -c FILE USER`, or name another"),
            ("--client-ca", client_ca, "name a file with the authorities' certificates in PEM"),
            ("--upstream-ca", upstream_ca, "name a file with certificates in PEM"),
        ):
            if file is not None:
                _check_readable(option, file, advice)
        host, port = _address(listen)
        plan = _plan(
            settings.load(config),
            processes,
            host=host,
            port=port,
            audit_only=audit_only,
            auth=auth,
            client_ca=client_ca,
            socks=_address(socks, "--socks") if socks else None,
            upstream_ca=upstream_ca,
            status=_address(status, "--status") if status else None,
            style=log_format,
            options=tuple(options or ()),
        )
    except (ValueError, OSError) as error:
        if log_format is Format.TEXT:
            raise
        logger(log_format).error(str(error))
        raise typer.Exit(BROKEN) from None
    # The proxy is this process, without what it took to get here.
    program = "exfilter.proxy" if processes == 1 else "exfilter.supervisor"
    os.execv(sys.executable, [sys.executable, "-P", "-m", program, str(plan.written())])  # noqa: S606


def _plan(given: settings.Settings, processes: int, **options: Any) -> Plan:  # noqa: ANN401 - those of ``Plan``
    """Put what the folder says and what the command line says together."""
    return Plan(
        folder=given.folder,
        proxy_ca=given.proxy_ca,
        spool=given.spool,
        deadline=given.deadline,
        max_body=given.max_body,
        spool_bytes=given.spool_bytes,
        # Several processes share the cores that one would have for its scans.
        workers=max(1, given.workers // processes),
        queue=given.queue,
        patience=given.patience,
        contact=given.contact,
        read_hosts=given.read_hosts,
        processes=processes,
        **options,
    )


def _check_readable(option: str, file: Path, advice: str) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        msg = f"{option} {file}: {error.strerror}; {advice}"
        raise OSError(msg) from None


def _address(listen: str, option: str = "--listen") -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) in PORTS):
        msg = f"{option} {listen}: write HOST:PORT, for example 127.0.0.1:8080"
        raise ValueError(msg)
    return host.removeprefix("[").removesuffix("]"), int(port)
