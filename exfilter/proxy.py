"""Runs mitmproxy in this process, with the addons of ``addons/`` and nothing that leads around them.

Not ``mitmdump -s``: a script that is edited with a mistake is dropped from a running mitmdump, which
then forwards everything.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import stat
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mitmproxy.addons import (
    block,
    blocklist,
    core,
    disable_h2c,
    dns_resolver,
    next_layer,
    onboarding,
    proxyauth,
    proxyserver,
    strip_dns_https_records,
    tlsconfig,
    upstream_auth,
)
from mitmproxy.exceptions import OptionsError
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.utils.htpasswd import HtpasswdFile

from addons.chain import chain
from addons.pins import refuse
from addons.private.listening import SharedPort
from exfilter.door import desk, metrics
from exfilter.door.logs import discreet
from exfilter.door.status import STARTING, STOPPING, Readiness, serving, telling
from exfilter.journal import Journal
from exfilter.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from multiprocessing.connection import Connection

    from structlog.typing import FilteringBoundLogger

    from exfilter.settings import Settings

CERTIFICATE = "mitmproxy-ca-cert.pem"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Door:
    """How the proxy is opened. Raises ValueError for an option that leads around the scan."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: a free one."""
    audit_only: bool = False
    auth: Path | None = None
    """An htpasswd file. None: nobody has to say who they are."""
    upstream_ca: Path | None = None
    """The only authorities that destinations are trusted by. None: those that mitmproxy brings."""
    options: tuple[str, ...] = ()
    """mitmproxy's own, ``NAME=VALUE``."""
    status: tuple[str, int] | None = None
    """Where probes are answered. None: nowhere."""

    def __post_init__(self) -> None:
        for option in self.options:
            refuse(option.partition("=")[0])


class Scanner(desk.Scanner, Protocol):
    """The pipeline, which also knows whether it could scan."""

    def check(self) -> None:
        """Raise where nothing could be scanned now."""


def serve(
    settings: Settings,
    door: Door,
    scanner: Scanner,
    log: FilteringBoundLogger,
    parent: Connection | None = None,
) -> None:
    """Run the proxy until SIGTERM or SIGINT.

    ``parent``: of a process that is one of several on this port. It is told whether this one is ready, and
    when it is gone this one ends.

    Raises ValueError or OSError where it cannot start: a folder for its certificate authority that others
    can read, no public key to seal to, a port in use.
    """
    asyncio.run(_run(settings, door, scanner, log, parent))


class Announcer:
    """Says where the door is, once it is open."""

    def __init__(self, master: Master, door: Door, say: Callable[[str], None]) -> None:
        self._master = master
        self._door = door
        self._say = say
        self._is_open = False
        self.error: str = ""

    def state(self) -> str:
        """Return why nothing can be judged yet, or any more. Empty: the door is open."""
        if self._master.should_exit.is_set():
            return STOPPING
        return "" if self._is_open else STARTING

    def running(self) -> None:
        """Print the address, or stop where there is none."""
        server: Any = self._master.addons.get("proxyserver")
        addresses = server.listen_addrs()
        if not addresses:
            causes = [instance.last_exception for instance in server.servers]
            numbers = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
            why = os.strerror(numbers[0]) if numbers else "unknown error"
            where = f"{self._door.host}:{self._door.port}"
            self.error = f"cannot listen on {where}: {why}; choose another --listen HOST:PORT"
            self._master.shutdown()
            return
        self._is_open = True
        self._say(location(*addresses[0][:2]))


def announce(log: FilteringBoundLogger, settings: Settings, door: Door, address: str) -> None:
    """Say where the door is, and what its clients have to trust."""
    if door.audit_only:
        log.warning("audit only: every transfer passes, whatever is found in it")
    log.info("certificate authority to trust: %s", settings.proxy_ca / CERTIFICATE)
    log.info("listening on %s", address)


def location(host: str, port: int) -> str:
    """Return the URL of an address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def status(
    address: tuple[str, int] | None,
    word: Callable[[], Awaitable[str]],
    figures: Callable[[], bytes],
    log: FilteringBoundLogger,
) -> AsyncIterator[None]:
    """Answer probes while the body runs, where an address for them was given."""
    if address is None:
        yield
        return
    async with serving(address, word, figures) as place:
        log.info("status on %s", location(*place))
        yield


async def _run(
    settings: Settings, door: Door, scanner: Scanner, log: FilteringBoundLogger, parent: Connection | None
) -> None:
    _confdir(settings.proxy_ca)
    with discreet(log):
        options = Options(
            confdir=str(settings.proxy_ca), listen_host=door.host, listen_port=door.port, rawtcp=False
        )
        master = Master(options, with_termlog=False)
        announcer = Announcer(master, door, lambda address: _opened(log, settings, door, address, parent))
        master.addons.add(*_hosts_addons())
        _set(options, door)
        master.addons.add(announcer, *chain(settings, scanner, audit_only=door.audit_only))
        if parent:
            master.addons.add(SharedPort())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, master.shutdown)
        word = Readiness(_checks(settings, scanner), announcer.state).word
        async with _watched(door, word, log, parent, master):
            await master.run()
    if announcer.error:
        raise OSError(announcer.error)


def _checks(settings: Settings, scanner: Scanner) -> Mapping[str, Callable[[], object]]:
    return {
        "index": scanner.check,
        "quarantine": Quarantine.open(settings.quarantine).check,
        "decisions": Journal(settings.decisions).check,
    }


def _opened(
    log: FilteringBoundLogger, settings: Settings, door: Door, address: str, parent: Connection | None
) -> None:
    if parent is None:
        announce(log, settings, door, address)


@asynccontextmanager
async def _watched(
    door: Door,
    word: Callable[[], Awaitable[str]],
    log: FilteringBoundLogger,
    parent: Connection | None,
    master: Master,
) -> AsyncIterator[None]:
    if parent is None:
        async with status(door.status, word, metrics.text, log):
            yield
        return
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        loop.remove_reader(parent.fileno())
        master.shutdown()

    # It never writes: what can be read is its end.
    loop.add_reader(parent.fileno(), orphaned)
    async with telling(parent, word):
        yield


def _hosts_addons() -> tuple[object, ...]:
    """Return the addons of mitmproxy that make a proxy. What is not among them cannot be switched on."""
    return (
        core.Core(),
        block.Block(),
        strip_dns_https_records.StripDnsHttpsRecords(),
        blocklist.BlockList(),
        disable_h2c.DisableH2C(),
        onboarding.Onboarding(),
        proxyauth.ProxyAuth(),
        proxyserver.Proxyserver(),
        dns_resolver.DnsResolver(),
        next_layer.NextLayer(),
        tlsconfig.TlsConfig(),
        upstream_auth.UpstreamAuth(),
    )


def _set(options: Options, door: Door) -> None:
    fixed: dict[str, Any] = {"connection_strategy": "lazy", "block_global": False}
    if door.auth:
        _check_users(door.auth)
        fixed["proxyauth"] = f"@{door.auth}"
    if door.upstream_ca:
        _check_authorities(door.upstream_ca)
        fixed["ssl_verify_upstream_trusted_ca"] = str(door.upstream_ca)
    try:
        options.update(**fixed)
        options.set(*door.options)
    except OptionsError as error:
        msg = f"mitmproxy refuses an option: {error}"
        raise ValueError(msg) from None


def _check_users(file: Path) -> None:
    try:
        HtpasswdFile.from_file(file)
    except ValueError:
        # Without the cause: it quotes the line, and with it a password's hash.
        msg = f"{file} is no htpasswd file with bcrypt or SHA1 passwords: make it with `htpasswd -B`"
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
    folder.mkdir(mode=0o700, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & OTHERS:
        msg = f"{folder} can be read by others (mode {stat.S_IMODE(mode):04o}): run `chmod 700 {folder}`"
        raise PermissionError(msg)
    for name in ("config.yaml", "config.yml"):
        if (folder / name).exists():
            msg = f"{folder / name}: options set there could lead around the scan; remove it"
            raise ValueError(msg)
    return folder
