"""``exfilter icap``: the engine that Squid and other proxies ask over ICAP (RFC 3507)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exfilter import settings
from exfilter.cli import doors
from exfilter.door.logs import Format
from exfilter.door.plan import Kind
from exfilter.icap.identity import Encoding
from exfilter.who.networks import Networks

Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NETWORK",
        help="Network (as 10.0.0.0/24) of proxies that are believed who sends. Default: this machine.",
    ),
]
Users = Annotated[
    Encoding, typer.Option(help="How the proxies write users; auto: plain, or a URI in base64.")
]
Certificate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="PEM file with the certificate for TLS (icaps).")
]
Key = Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file with its private key.")]
Connections = Annotated[
    int, typer.Option(min=1, max=100_000, metavar="N", help="Connections at a time, over all processes.")
]
HERE = ("127.0.0.0/8", "::1/128")


def icap(
    config: doors.Config = Path(),
    listen: doors.Listen = "127.0.0.1:1344",
    trust: Trust = None,
    users: Users = Encoding.AUTO,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    connections: Connections = 1024,
    status: doors.Status = "",
    log_format: doors.LogFormat = Format.TEXT,
    processes: doors.Processes = 1,
    *,
    audit_only: doors.AuditOnly = False,
) -> None:
    """Judge what a proxy asks about over ICAP: REQMOD at /reqmod, with the policy of a proxy of its own.

    Prints its address on standard error, and runs until it is interrupted. Exit codes: 0 stopped, 2 could
    not start.
    """
    with doors.complaining(log_format):
        if (tls_cert is None) != (tls_key is None):
            msg = "--tls-cert and --tls-key belong together: name both, or neither"
            raise ValueError(msg)
        doors.readable(
            (
                ("--tls-cert", tls_cert, "name the certificate, with its chain, in PEM"),
                ("--tls-key", tls_key, "name the certificate's private key in PEM"),
            )
        )
        trusted = tuple(HERE if trust is None else trust)
        Networks.parse(trusted)
        host, port = doors.address(listen)
        plan = doors.plan(
            settings.load(config),
            processes,
            kind=Kind.ICAP,
            host=host,
            port=port,
            audit_only=audit_only,
            status=doors.address(status, "--status") if status else None,
            style=log_format,
            trusted=trusted,
            users=users.value,
            tls=(tls_cert, tls_key) if tls_cert and tls_key else None,
            connections=max(1, connections // processes),
        )
    doors.become(plan)
