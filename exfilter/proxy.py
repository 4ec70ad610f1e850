"""Runs mitmproxy in this process, with the addons of ``addons/`` and nothing that leads around them.

Not ``mitmdump -s``: a script that is edited with a mistake is dropped from a running mitmdump, which
then forwards everything.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import stat
import sys
import traceback
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from exfilter.door import desk
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
    client_ca: Path | None = None
    """Authorities of client certificates. None: no client is asked for one."""
    socks: tuple[str, int] | None = None
    """Where SOCKS5 is spoken. None: nowhere."""
    upstream_ca: Path | None = None
    """The only authorities that destinations are trusted by. None: those that mitmproxy brings."""
    options: tuple[str, ...] = ()
    """mitmproxy's own, ``NAME=VALUE``."""

    def __post_init__(self) -> None:
        for option in self.options:
            refuse(option.partition("=")[0])


def serve(settings: Settings, door: Door, scanner: desk.Scanner) -> None:
    """Run the proxy until SIGTERM or SIGINT.

    Raises ValueError or OSError where it cannot start: a folder for its certificate authority that others
    can read, no public key to seal to, a port in use.
    """
    asyncio.run(_run(settings, door, scanner))


class Announcer:
    """Says where the door is, once it is open."""

    def __init__(self, master: Master, door: Door, certificate: Path) -> None:
        self._master = master
        self._door = door
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
        if self._door.audit_only:
            _say("audit only: every transfer passes, whatever is found in it")
        _say(f"certificate authority to trust: {self._certificate}")
        if "socks5" in servers:
            _say(f"listening on socks5h://{_shown(*servers['socks5'].listen_addrs[0][:2])}")
        _say(f"listening on http://{_shown(*servers['regular'].listen_addrs[0][:2])}")

    def _blame(self, server: Any, option: str) -> str:  # noqa: ANN401 - mitmproxy's, not typed
        host, port = (self._door.socks if option == "--socks" else None) or (self._door.host, self._door.port)
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


async def _run(settings: Settings, door: Door, scanner: desk.Scanner) -> None:
    certificate = _confdir(settings.proxy_ca) / CERTIFICATE
    identity = Identity.by(door.auth, door.client_ca)
    log = Discreet(logging.ERROR)
    logging.getLogger().addHandler(log)
    try:
        options = Options(
            confdir=str(settings.proxy_ca), listen_host=door.host, listen_port=door.port, rawtcp=False
        )
        master = Master(options, with_termlog=False)
        announcer = Announcer(master, door, certificate)
        master.addons.add(*_hosts_addons())
        _set(options, door)
        master.addons.add(announcer, *chain(settings, scanner, identity, audit_only=door.audit_only))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, master.shutdown)
        await master.run()
    finally:
        logging.getLogger().removeHandler(log)
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


def _set(options: Options, door: Door) -> None:
    fixed: dict[str, Any] = {"connection_strategy": "lazy", "block_global": False}
    if door.socks:
        fixed["mode"] = ["regular", f"socks5@{door.socks[0]}:{door.socks[1]}"]
    if door.upstream_ca:
        _check_authorities(door.upstream_ca)
        fixed["ssl_verify_upstream_trusted_ca"] = str(door.upstream_ca)
    try:
        options.update(**fixed)
        options.set(*door.options)
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


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
