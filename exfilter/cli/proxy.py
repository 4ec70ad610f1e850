"""``exfilter proxy``: the egress proxy that holds transfers with customers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from exfilter import settings
from exfilter.door.plan import Plan

PORTS = range(65536)


def proxy(
    config: Annotated[Path, typer.Option(help="Configuration folder.")] = Path(),
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one.")
    ] = "127.0.0.1:8080",
    auth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="htpasswd file of the users who may use the proxy.")
    ] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PEM file of the authorities whose client certificates say who somebody is, "
            "on TLS to the proxy itself. Without --auth, nobody else is served.",
        ),
    ] = None,
    socks: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address to speak SOCKS5 on as well.")
    ] = None,
    upstream_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of the authorities that destinations are trusted by."),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set an option of mitmproxy."),
    ] = None,
    *,
    audit_only: Annotated[
        bool, typer.Option("--audit-only", help="Decide and record, but let every transfer pass.")
    ] = False,
) -> None:
    """Hold every request until it is scanned, and keep back those that carry too many customers.

    Prints its address and the certificate to trust on standard error, and runs until it is interrupted.
    Exit codes: 0 stopped, 2 could not start.
    """
    host, port = _address(listen)
    socks_at = _address(socks, "--socks") if socks else None
    given = settings.load(config)
    plan = Plan(
        folder=given.folder,
        proxy_ca=given.proxy_ca,
        spool=given.spool,
        deadline=given.deadline,
        max_body=given.max_body,
        workers=given.workers,
        queue=given.queue,
        patience=given.patience,
        host=host,
        port=port,
        audit_only=audit_only,
        auth=auth,
        client_ca=client_ca,
        socks=socks_at,
        upstream_ca=upstream_ca,
        options=tuple(options or ()),
    )
    # The proxy is this process, without what it took to get here.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "exfilter.proxy", str(plan.written())])  # noqa: S606


def _address(listen: str, option: str = "--listen") -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) in PORTS):
        msg = f"{option} {listen}: write HOST:PORT, for example 127.0.0.1:8080"
        raise ValueError(msg)
    return host.removeprefix("[").removesuffix("]"), int(port)
