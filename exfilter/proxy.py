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
import logging
import os
import signal
import ssl
import stat
import sys
import traceback
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
from exfilter.door.desk import RECORDERS, Desk
from exfilter.door.nursery import Nursery
from exfilter.door.plan import Plan
from exfilter.door.pool import Pool
from exfilter.door.spool import Spool

if TYPE_CHECKING:
    from addons.guard import Guard

BROKEN = 2
"""Exit code of every error."""
CERTIFICATE = "mitmproxy-ca-cert.pem"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def main() -> None:
    """Run the proxy until SIGTERM or SIGINT; what it holds then is finished first."""
    try:
        with open(int(sys.argv[1]), "rb") as given:  # noqa: PTH123 - a descriptor
            serve(Plan.read(given.read()))
    except (ValueError, OSError) as error:
        _say(f"exfilter: {error}")
        sys.exit(BROKEN)


def serve(plan: Plan) -> None:
    """Run the proxy.

    Raises ValueError or OSError where it cannot start: an option that leads around the scan, a folder for its
    certificate authority that others can read, no public key to seal to, a port in use.
    """
    for option in plan.options:
        refuse(option.partition("=")[0])
    Spool.folder = _private(plan.spool)
    nursery = Nursery(plan.folder, audit_only=plan.audit_only)
    nursery.start()
    asyncio.run(_run(plan, nursery))


class Announcer:
    """Says where the door is, once it is open."""

    def __init__(self, master: Master, plan: Plan, certificate: Path) -> None:
        self._master = master
        self._plan = plan
        self._certificate = certificate
        self.error: str = ""

    def running(self) -> None:
        """Print the address, or stop where there is none."""
        proxyserver: Any = self._master.addons.get("proxyserver")
        servers = {server.mode.type_name: server for server in proxyserver.servers}
        for mode, option in (("regular", "--listen"), ("socks5", "--socks")):
            if mode in servers and not servers[mode].listen_addrs:
                self.error = self._blame(servers[mode], option)
                self._master.shutdown()
                return
        if self._plan.audit_only:
            _say("audit only: every transfer passes, whatever is found in it")
        _say(f"certificate authority to trust: {self._certificate}")
        if "socks5" in servers:
            _say(f"listening on socks5h://{_shown(*servers['socks5'].listen_addrs[0][:2])}")
        _say(f"listening on http://{_shown(*servers['regular'].listen_addrs[0][:2])}")

    def _blame(self, server: Any, option: str) -> str:  # noqa: ANN401 - mitmproxy's, not typed
        host, port = (self._plan.socks if option == "--socks" else None) or (self._plan.host, self._plan.port)
        cause = server.last_exception
        why = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else "unknown error"
        return f"cannot listen on {host}:{port}: {why}; choose another {option} HOST:PORT"


class Discreet(logging.Handler):
    """Reports errors by their kind and place: the messages of a proxy quote what passes through it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        if record.name.startswith("exfilter."):
            _say(record.getMessage())
            return
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "error"
        frames = traceback.extract_tb(record.exc_info[2]) if record.exc_info else []
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else record.module
        _say(f"{kind} in {record.name} ({place})")


async def _run(plan: Plan, nursery: Nursery) -> None:
    certificate = _confdir(plan.proxy_ca) / CERTIFICATE
    identity = Identity.by(plan.auth, plan.client_ca)
    log = Discreet(logging.ERROR)
    logging.getLogger().addHandler(log)
    pool, recorders = Pool(nursery, plan.workers, plan.queue), Pool(nursery, RECORDERS)
    try:
        options = Options(
            confdir=str(plan.proxy_ca), listen_host=plan.host, listen_port=plan.port, rawtcp=False
        )
        master = Master(options, with_termlog=False)
        announcer = Announcer(master, plan, certificate)
        master.addons.add(*_hosts_addons())
        _set(options, plan)
        desk = Desk(pool, recorders, plan.deadline, plan.audit_only)
        master.addons.add(announcer, *chain(plan, desk, identity))
        pool.open()
        recorders.open()
        loop = asyncio.get_running_loop()
        closing = _Closing(master, master.addons.get("guard"), plan.deadline)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, closing.begin)
        await master.run()
    finally:
        pool.close()
        recorders.close()
        nursery.close()
        logging.getLogger().removeHandler(log)
    if announcer.error:
        raise OSError(announcer.error)


class _Closing:
    """Lets what is held have its answer before the proxy ends. A second signal ends it at once."""

    LOOK = 0.05
    """Seconds between two looks at what is left."""
    LAST = 0.2
    """Seconds for the last answers to leave."""

    def __init__(self, master: Master, guard: Guard, patience: float) -> None:
        self._master = master
        self._guard = guard
        self._patience = patience
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Take no more connections, and end when nothing is held any more."""
        if self._task is not None:
            self._master.shutdown()
            return
        self._task = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        server: Any = self._master.addons.get("proxyserver")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await server.servers.update([])
                while self._guard.held:  # noqa: ASYNC110 - it ends in many places
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
        _check_authorities(plan.upstream_ca)
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
    return folder


def _private(folder: Path) -> Path:
    """Return a folder that only its owner can read, made if need be. Raises PermissionError otherwise."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & OTHERS:
        msg = f"{folder} can be read by others (mode {stat.S_IMODE(mode):04o}): run `chmod 700 {folder}`"
        raise PermissionError(msg)
    return folder


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
