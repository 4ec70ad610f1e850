"""Runs the ICAP service in this process (RFC 3507): the engine that a company's own proxy asks.

Run as ``python -P -m exfilter.icap.server FD``, with a ``Plan`` to be read from the descriptor: ``exfilter
icap`` becomes this program. Like the proxy it loads nothing that scans, and has no key.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import msgspec

from exfilter.door.hosting import Closing, Staff, cannot_listen, location, prepare, program, watched
from exfilter.door.logs import discreet
from exfilter.door.nursery import Nursery
from exfilter.door.status import STOPPING, Readiness
from exfilter.icap.crowd import Crowd
from exfilter.icap.identity import Encoding
from exfilter.icap.link import ROUND
from exfilter.icap.service import LEAVES, Service
from exfilter.loopback import is_here
from exfilter.who.networks import Networks

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from structlog.typing import FilteringBoundLogger

    from exfilter.door.plan import Plan

BACKLOG = 1024
HANDSHAKE = 10.0
"""Seconds for that of TLS."""


def serve(plan: Plan, log: FilteringBoundLogger, parent: Connection | None = None) -> None:
    """Run the service. ``parent``: as for the proxy's ``serve``.

    Raises ValueError or OSError where it cannot start: no good certificate, a port in use, no index.
    """
    prepare(plan)
    secured = _secured(plan)
    trusted = Networks.parse(plan.trusted)
    nursery = Nursery(plan)  # it takes longest: what is quick to check comes before
    nursery.start()
    staff = Staff.hired(plan, nursery)
    service = Service(
        staff.desk,
        plan.max_body,
        trusted,
        Encoding(plan.users),
        Crowd(plan.connections),
        plan.patience,
        plan.contact,
    )
    asyncio.run(_run(plan, log, parent, staff, service, secured))


def announce(log: FilteringBoundLogger, plan: Plan) -> None:
    """Say where the service is."""
    if plan.audit_only:
        log.warning("audit only: every transfer passes, whatever is found in it")
    if plan.tls is None and not is_here(plan.host):
        log.warning("what proxies have opened comes here in clear: give --tls-cert, or listen on 127.0.0.1")
    scheme = "icaps" if plan.tls else "icap"
    log.info("listening on %s/%s", location(plan.host, plan.port, scheme), LEAVES)


async def _run(
    plan: Plan,
    log: FilteringBoundLogger,
    parent: Connection | None,
    staff: Staff,
    service: Service,
    secured: ssl.SSLContext | None,
) -> None:
    ended = asyncio.Event()
    with discreet(log), staff.working():
        server = await _listening(plan, service, secured, shares=parent is not None)

        async def shut() -> None:
            server.close()
            service.crowd.close()

        closing = Closing(lambda: service.crowd.held, shut, ended.set, plan.deadline, log)
        closing.listen()
        if parent is None:
            host, port = server.sockets[0].getsockname()[:2]
            announce(log, msgspec.structs.replace(plan, host=host, port=port))
        readiness = Readiness(staff.desk.unready, lambda: STOPPING if closing.has_begun else "")
        async with watched(plan, readiness, log, parent, closing):
            await ended.wait()


async def _listening(
    plan: Plan, service: Service, secured: ssl.SSLContext | None, *, shares: bool
) -> asyncio.Server:
    try:
        return await asyncio.start_server(
            service.attend,
            plan.host,
            plan.port,
            limit=2 * ROUND,
            backlog=BACKLOG,
            ssl=secured,
            ssl_handshake_timeout=HANDSHAKE if secured else None,
            reuse_port=shares,
        )
    except OSError as error:
        raise OSError(cannot_listen((plan.host, plan.port), "--listen", error)) from None


def _secured(plan: Plan) -> ssl.SSLContext | None:
    if plan.tls is None:
        return None
    certificate, key = plan.tls
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError):
        msg = (
            f"--tls-cert {certificate} and --tls-key {key} do not belong together, or are not PEM: name the "
            "certificate with its chain, and its private key without a passphrase"
        )
        raise ValueError(msg) from None
    return context


def _no_password() -> str:
    """Do not ask for a passphrase on the terminal."""
    raise ValueError


if __name__ == "__main__":
    program(serve)
