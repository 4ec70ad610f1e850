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
import contextlib
import gc
import os
import resource
import signal
import ssl
import stat
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from exfilter.door import authority, metrics
from exfilter.door.desk import RECORDERS, Desk
from exfilter.door.logs import Format, discreet, logger
from exfilter.door.messenger import telling_others
from exfilter.door.nursery import Nursery
from exfilter.door.plan import Plan
from exfilter.door.pool import Pool
from exfilter.door.spool import Spool
from exfilter.door.status import STARTING, STOPPING, Readiness, State, serving, telling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from multiprocessing.connection import Connection

    from structlog.typing import FilteringBoundLogger

    from addons.guard import Guard

BROKEN = 2
"""Exit code of every error."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def main() -> None:
    """Run the proxy until SIGTERM or SIGINT; what it holds then is finished first."""
    plan = Plan.given(int(sys.argv[1]))
    log = logger(plan.style)
    try:
        serve(plan, log)
    except (ValueError, OSError) as error:
        complain(plan, log, error)
        sys.exit(BROKEN)


def complain(plan: Plan, log: FilteringBoundLogger, error: Exception) -> None:
    """Say why it cannot start: on a terminal as all commands do."""
    if plan.style is Format.JSON:
        log.error(str(error))
    else:
        sys.stderr.write(f"exfilter: {error}\n")
        sys.stderr.flush()


def serve(plan: Plan, log: FilteringBoundLogger, parent: Connection | None = None) -> None:
    """Run the proxy.

    ``parent``: of a process that is one of several on this port. It is told whether this one is ready, and
    when it is gone this one ends.

    Raises ValueError or OSError where it cannot start: an option that leads around the scan, a folder for its
    certificate authority that others can read, no public key to seal to, a port in use.
    """
    for option in plan.options:
        refuse(option.partition("=")[0])
    Spool.folder, Spool.room = _private(plan.spool), plan.spool_bytes
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    _confdir(plan.proxy_ca)
    if plan.upstream_ca:
        _check_authorities(plan.upstream_ca)
    nursery = Nursery(plan)  # it takes longest: what is quick to check comes before
    nursery.start()
    asyncio.run(_run(plan, log, parent, nursery))


class Announcer:
    """Says where the door is, once it is open."""

    def __init__(self, master: Master, plan: Plan, say: Callable[[list[str]], None]) -> None:
        self._master = master
        self._plan = plan
        self._say = say
        self._is_open = False
        self.is_closing = False
        self.error: str = ""

    def state(self) -> str:
        """Return why nothing can be judged yet, or any more. Empty: the door is open."""
        if self.is_closing or self._master.should_exit.is_set():
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
        schemes = (("socks5", "socks5h"), ("regular", "http"))
        places = [(servers[mode].listen_addrs[0], scheme) for mode, scheme in schemes if mode in servers]
        self._say([location(place[0], place[1], scheme) for place, scheme in places])

    def _blame(self, server: Any, option: str) -> str:  # noqa: ANN401 - mitmproxy's, not typed
        address = (self._plan.socks if option == "--socks" else None) or (self._plan.host, self._plan.port)
        return cannot_listen(address, option, server.last_exception)


def announce(log: FilteringBoundLogger, plan: Plan, addresses: list[str]) -> None:
    """Say where the door is, and what its clients have to trust."""
    if plan.audit_only:
        log.warning("audit only: every transfer passes, whatever is found in it")
    log.info("certificate authority to trust: %s", plan.proxy_ca / authority.CERTIFICATE)
    for address in addresses:
        log.info("listening on %s", address)


def cannot_listen(address: tuple[str, int], option: str, error: object) -> str:
    """Say why nothing listens on an address, which option named it, and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    # Below zero: from looking up the name.
    why = os.strerror(number) if number and number > 0 else "no such address" if number else "unknown error"
    return f"cannot listen on {address[0]}:{address[1]}: {why}; choose another {option} HOST:PORT"


def location(host: str, port: int, scheme: str = "http") -> str:
    """Return the URL of an address."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@asynccontextmanager
async def status(
    address: tuple[str, int] | None,
    state: Callable[[], Awaitable[State]],
    figures: Callable[[], bytes],
    log: FilteringBoundLogger,
) -> AsyncIterator[None]:
    """Answer probes while the body runs, where an address for them was given."""
    if address is None:
        yield
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            place = await stack.enter_async_context(serving(address, state, figures))
        except OSError as error:
            raise OSError(cannot_listen(address, "--status", error)) from None
        log.info("status on %s", location(*place))
        yield


async def _run(plan: Plan, log: FilteringBoundLogger, parent: Connection | None, nursery: Nursery) -> None:
    identity = Identity.by(plan.auth, plan.client_ca, plan.contact)
    pool = Pool(nursery, plan.workers, plan.queue, _figures)
    recorders = Pool(nursery, RECORDERS)
    with discreet(log):
        options = Options(
            confdir=str(plan.proxy_ca), listen_host=plan.host, listen_port=plan.port, rawtcp=False
        )
        master = Master(options, with_termlog=False)
        say = (lambda _: None) if parent else (lambda addresses: announce(log, plan, addresses))
        announcer = Announcer(master, plan, say)
        master.addons.add(*_hosts_addons())
        _set(options, plan)
        desk = Desk(pool, recorders, plan.deadline, plan.audit_only)
        master.addons.add(announcer, *chain(plan, desk, identity))
        if parent:
            master.addons.add(SharedPort())
        pool.open()
        recorders.open()
        closing = _Closing(master, announcer, plan.deadline, log)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, closing.begin)
        try:
            gc.freeze()  # what is here stays: it need not be gone through again and again
            async with (
                _telling(plan, log, parent),
                _watched(plan, Readiness(desk.unready, announcer.state), log, parent, closing),
            ):
                await master.run()
        finally:
            pool.close()
            recorders.close()
            nursery.close()
    if announcer.error:
        raise OSError(announcer.error)


def _figures(waiting: int, busy: int) -> None:
    metrics.queued(waiting)
    metrics.busy(busy)


@asynccontextmanager
async def _telling(plan: Plan, log: FilteringBoundLogger, parent: Connection | None) -> AsyncIterator[None]:
    """Have others told; of several processes on one port it is the parent that does."""
    if parent is not None:
        yield
        return
    async with telling_others(plan, log):
        yield


@asynccontextmanager
async def _watched(
    plan: Plan,
    readiness: Readiness,
    log: FilteringBoundLogger,
    parent: Connection | None,
    closing: _Closing,
) -> AsyncIterator[None]:
    if parent is None:
        async with status(plan.status, readiness.state, metrics.text, log):
            yield
        return
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        loop.remove_reader(parent.fileno())
        closing.begin()

    # It never writes: what can be read is its end.
    loop.add_reader(parent.fileno(), orphaned)
    async with telling(parent, readiness.word):
        yield


class _Closing:
    """Lets what is held have its answer before the proxy ends. A second signal ends it at once."""

    LOOK = 0.05
    """Seconds between two looks at what is left."""
    LAST = 0.2
    """Seconds for the last answers to leave."""

    def __init__(
        self, master: Master, announcer: Announcer, patience: float, log: FilteringBoundLogger
    ) -> None:
        self._master = master
        self._log = log
        self._announcer = announcer
        self._patience = patience
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Take no more connections, and end when nothing is held any more."""
        if self._task is not None:
            self._master.shutdown()
            return
        self._announcer.is_closing = True
        self._task = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        server: Any = self._master.addons.get("proxyserver")
        guard: Guard = self._master.addons.get("guard")
        self._log.info("stopping: what is held has its answer first", held=guard.held)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await server.servers.update([])
                while guard.held:  # noqa: ASYNC110 - it ends in many places
                    await asyncio.sleep(self.LOOK)
                await asyncio.sleep(self.LAST)
        self._master.shutdown()


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
    _private(folder)
    for name in ("config.yaml", "config.yml"):
        if (folder / name).exists():
            msg = f"{folder / name}: options set there could lead around the scan; remove it"
            raise ValueError(msg)
    authority.check(folder)
    return folder


def _private(folder: Path) -> Path:
    """Return a folder that only its owner can read, made if need be. Raises PermissionError otherwise."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & OTHERS:
        msg = f"{folder} can be read by others (mode {stat.S_IMODE(mode):04o}): run `chmod 700 {folder}`"
        raise PermissionError(msg)
    return folder


if __name__ == "__main__":
    main()
