"""The desk's server: uvicorn, which says nothing of requests; they are in the acts."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace

import uvicorn
from fastapi import FastAPI
from structlog.typing import FilteringBoundLogger

from exfilter.review.app import make
from exfilter.review.dashboard import SPANS, USUAL
from exfilter.review.patient import Patient
from exfilter.review.served import Served
from exfilter.settings import Settings

BACKLOG = 128
AT_A_TIME = 500
"""Connections; beyond that 503. Those that are silent are fewer, see patient.py."""


def serve(given: Settings, served: Served, log: FilteringBoundLogger) -> None:
    """Serve until interrupted. Raises OSError or ValueError."""
    _check(served)
    with bound(served.host, served.port) as listening:
        here = replace(served, port=listening.getsockname()[1])  # 0 was any that is free
        app = make(given, here, log.error)
        app.state.desk.figures.renew(USUAL, *SPANS)  # behind: nobody waits for them
        address = f"listening on {_url(here)}"
        log.info(address)
        uvicorn.Server(configured(app, here)).run([listening])


def configured(app: FastAPI, served: Served) -> uvicorn.Config:
    """Return how uvicorn serves the desk: its errors are told by the desk itself, without values."""
    return uvicorn.Config(
        app,
        http=Patient,
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=bool(served.proxies),
        forwarded_allow_ips=list(served.proxies),
        ssl_certfile=served.certificate,
        ssl_keyfile=served.key,
        limit_concurrency=AT_A_TIME,
        timeout_graceful_shutdown=5,
    )


def _check(served: Served) -> None:
    """See that certificate and key can be used, before anything listens."""
    if served.certificate is None:
        return
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(served.certificate, served.key, password="")  # else OpenSSL asks for one
    except OSError as error:  # what ssl raises is one, too
        is_read = isinstance(error, ssl.SSLError)
        why = "no certificate with its key, in PEM and without a passphrase" if is_read else error.strerror
        msg = f"--certificate {served.certificate}, --key {served.key}: {why}"
        raise OSError(msg) from None


def bound(host: str, port: int) -> socket.socket:
    """Return the listening socket. Raises OSError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        msg = f"--listen {host}:{port}: {error.strerror}; choose another address"
        raise OSError(msg) from None
    # asyncio sets it only where the protocol is named: else every page waits 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _url(served: Served) -> str:
    host = f"[{served.host}]" if ":" in served.host else served.host
    return f"{'https' if served.certificate else 'http'}://{host}:{served.port}"
