"""Runs mitmproxy in this process, with the addons of ``addons/`` and nothing that leads around them.

Not ``mitmdump -s``: a script that is edited with a mistake is dropped from a running mitmdump, which
then forwards everything.

Run as ``python -P -m exfilter.proxy FD``, with a ``Plan`` to be read from the descriptor: ``exfilter proxy``
becomes this program. It loads nothing that scans, and has no key: that is in the processes of the pool. So it
stays small, however much passes through it, and whoever takes it over finds no customer in it.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from mitmproxy.addons import (
    block,
    blocklist,
    core,
    disable_h2c,
    dns_resolver,
    next_layer,
    onboarding,
    proxyserver,
    strip_dns_https_records,
    tlsconfig,
    upstream_auth,
)
from mitmproxy.exceptions import OptionsError
from mitmproxy.master import Master
from mitmproxy.options import Options

from addons.chain import chain
from addons.identity import Identity
from addons.pins import refuse
from addons.private.listening import SharedPort
from exfilter.door import authority
from exfilter.door.hosting import (
    Closing,
    Staff,
    cannot_listen,
    location,
    prepare,
    private,
    program,
    watched,
)
from exfilter.door.logs import discreet
from exfilter.door.nursery import Nursery
from exfilter.door.plan import Plan
from exfilter.door.status import STARTING, STOPPING, Readiness

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from structlog.typing import FilteringBoundLogger

    from addons.guard import Guard


def serve(plan: Plan, log: FilteringBoundLogger, parent: Connection | None = None) -> None:
    """Run the proxy.

    ``parent``: of a process that is one of several on this port. It is told whether this one is ready, and
    when it is gone this one ends.

    Raises ValueError or OSError where it cannot start: an option that leads around the scan, a folder for its
    certificate authority that others can read, no public key to seal to, a port in use.
    """
    for option in plan.options:
        refuse(option.partition("=")[0])
    prepare(plan)
    _confdir(plan.proxy_ca)
    if plan.upstream_ca:
        _check_authorities(plan.upstream_ca)
    nursery = Nursery(plan)  # it takes longest: what is quick to check comes before
    nursery.start()
    asyncio.run(_run(plan, log, parent, nursery))


class Announcer:
    """Says where the door is, once it is open."""

    def __init__(self, master: Master, plan: Plan, say: Callable[[Plan], None]) -> None:
        self._master = master
        self._plan = plan
        self._say = say
        self._is_open = False
        self.error: str = ""

    def state(self, *, is_closing: bool) -> str:
        """Return why nothing can be judged yet, or any more. Empty: the door is open."""
        if is_closing or self._master.should_exit.is_set():
            return STOPPING
        return "" if self._is_open else STARTING

    def running(self) -> None:
        """Say the addresses, or stop where there is none."""
        proxyserver: Any = self._master.addons.get("proxyserver")
        servers = {server.mode.type_name: server for server in proxyserver.servers}
        for mode, option in (("regular", "--listen"), ("socks5", "--socks")):
            if mode in servers and not servers[mode].listen_addrs:
                self.error = self._blame(servers[mode], option)
                self._master.shutdown()
                return
        self._is_open = True
        places = {mode: server.listen_addrs[0][:2] for mode, server in servers.items()}
        host, port = places["regular"]
        self._say(msgspec.structs.replace(self._plan, host=host, port=port, socks=places.get("socks5")))

    def _blame(self, server: Any, option: str) -> str:  # noqa: ANN401 - mitmproxy's, not typed
        address = (self._plan.socks if option == "--socks" else None) or (self._plan.host, self._plan.port)
        return cannot_listen(address, option, server.last_exception)


def announce(log: FilteringBoundLogger, plan: Plan) -> None:
    """Say where the door is, and what its clients have to trust."""
    if plan.audit_only:
        log.warning("audit only: every transfer passes, whatever is found in it")
    log.info("certificate authority to trust: %s", plan.proxy_ca / authority.CERTIFICATE)
    if plan.socks:
        log.info("listening on %s", location(*plan.socks, "socks5h"))
    log.info("listening on %s", location(plan.host, plan.port))


async def _run(plan: Plan, log: FilteringBoundLogger, parent: Connection | None, nursery: Nursery) -> None:
    identity = Identity.by(plan.auth, plan.client_ca, plan.contact)
    staff = Staff.hired(plan, nursery)
    with discreet(log):
        options = Options(
            confdir=str(plan.proxy_ca), listen_host=plan.host, listen_port=plan.port, rawtcp=False
        )
        master = Master(options, with_termlog=False)
        announcer = Announcer(master, plan, (lambda _: None) if parent else partial(announce, log))
        master.addons.add(*_hosts_addons())
        _set(options, plan)
        master.addons.add(announcer, *chain(plan, staff.desk, identity))
        if parent:
            master.addons.add(SharedPort())
        guard: Guard = master.addons.get("guard")
        server: Any = master.addons.get("proxyserver")
        closing = Closing(
            lambda: guard.held, lambda: server.servers.update([]), master.shutdown, plan.deadline, log
        )
        readiness = Readiness(staff.desk.unready, lambda: announcer.state(is_closing=closing.has_begun))
        with staff.working():
            closing.listen()
            async with watched(plan, readiness, log, parent, closing):
                await master.run()
    if announcer.error:
        raise OSError(announcer.error)


def _hosts_addons() -> tuple[object, ...]:
    """Return the addons of mitmproxy that make a proxy. What is not among them cannot be switched on."""
    return (
        core.Core(),
        block.Block(),
        strip_dns_https_records.StripDnsHttpsRecords(),
        blocklist.BlockList(),
        disable_h2c.DisableH2C(),
        onboarding.Onboarding(),
        proxyserver.Proxyserver(),
        dns_resolver.DnsResolver(),
        next_layer.NextLayer(),
        tlsconfig.TlsConfig(),
        upstream_auth.UpstreamAuth(),
    )


def _set(options: Options, plan: Plan) -> None:
    fixed: dict[str, Any] = {"connection_strategy": "lazy", "block_global": False}
    if plan.socks:
        fixed["mode"] = ["regular", f"socks5@{plan.socks[0]}:{plan.socks[1]}"]
    if plan.upstream_ca:
        fixed["ssl_verify_upstream_trusted_ca"] = str(plan.upstream_ca)
    try:
        options.update(**fixed)
        options.set(*plan.options)
    except OptionsError as error:
        msg = f"mitmproxy refuses an option: {error}"
        raise ValueError(msg) from None


def _check_authorities(file: Path) -> None:
    text = file.read_text("ascii", "replace")
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        msg = f"{file} holds no certificates: give a file with certificates in PEM"
        raise ValueError(msg) from None


def _confdir(folder: Path) -> Path:
    """Return the folder of the proxy's own certificate authority, made if need be."""
    private(folder)
    for name in ("config.yaml", "config.yml"):
        if (folder / name).exists():
            msg = f"{folder / name}: options set there could lead around the scan; remove it"
            raise ValueError(msg)
    authority.check(folder)
    return folder


if __name__ == "__main__":
    program(serve)
