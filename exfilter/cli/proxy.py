"""``exfilter proxy``: the egress proxy that holds transfers with customers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exfilter import settings
from exfilter.cli import doors
from exfilter.door.logs import Format

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


def proxy(
    config: doors.Config = Path(),
    listen: doors.Listen = "127.0.0.1:8080",
    auth: Auth = None,
    client_ca: ClientCa = None,
    socks: Socks = None,
    upstream_ca: UpstreamCa = None,
    options: Options = None,
    status: doors.Status = "",
    log_format: doors.LogFormat = Format.TEXT,
    processes: doors.Processes = 1,
    *,
    audit_only: doors.AuditOnly = False,
) -> None:
    """Hold every request until it is scanned, and keep back those that carry too many customers.

    Prints its address and the certificate to trust on standard error, and runs until it is interrupted.
    Exit codes: 0 stopped, 2 could not start.
    """
    with doors.complaining(log_format):
        doors.readable(
            (
                ("--auth", auth, "make it with `htpasswd -B -c FILE USER`, or name another"),
                ("--client-ca", client_ca, "name a file with the authorities' certificates in PEM"),
                ("--upstream-ca", upstream_ca, "name a file with certificates in PEM"),
            )
        )
        host, port = doors.address(listen)
        given = settings.load(config)
        plan = doors.plan(
            given,
            processes,
            host=host,
            port=port,
            audit_only=audit_only,
            auth=auth,
            client_ca=client_ca,
            socks=doors.address(socks, "--socks") if socks else None,
            upstream_ca=upstream_ca,
            status=doors.address(status, "--status") if status else None,
            style=log_format,
            proxy_ca=given.proxy_ca,
            read_hosts=given.read_hosts,
            options=tuple(options or ()),
        )
    doors.become(plan)
