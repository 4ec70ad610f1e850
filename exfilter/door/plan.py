"""How a door is opened: what the command line hands to the process that it becomes."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import Any

import msgspec

from exfilter.door.logs import Format


class Kind(enum.StrEnum):
    """What a door speaks."""

    PROXY = "proxy"
    ICAP = "icap"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and options of one door."""

    kind: Kind = Kind.PROXY
    folder: Path
    """The configuration folder."""
    spool: Path
    deadline: float
    max_body: int
    spool_bytes: int = 4 << 30
    """Of all bodies that are held at a time."""
    workers: int
    queue: int = 128
    patience: float = 30.0
    """Seconds that a client may take for the head of a request, and between pieces of its body."""
    host: str = "127.0.0.1"
    port: int = 8080
    """0: a free one."""
    audit_only: bool = False
    status: tuple[str, int] | None = None
    """Where probes are answered. None: nowhere."""
    contact: str = ""
    """How a sender reaches the reviewers. Empty: nobody said."""
    style: Format = Format.TEXT
    """How lines on standard error look."""
    processes: int = 1
    """That share the port."""

    # The proxy's

    proxy_ca: Path = Path()
    auth: Path | None = None
    """An htpasswd file. None: nobody has to say who they are."""
    client_ca: Path | None = None
    """Authorities of client certificates. None: no client is asked for one."""
    socks: tuple[str, int] | None = None
    """Where SOCKS5 is spoken. None: nowhere."""
    upstream_ca: Path | None = None
    """The only authorities that destinations are trusted by. None: those that mitmproxy brings."""
    read_hosts: tuple[str, ...] = ()
    """Whose responses are read on their way back."""
    options: tuple[str, ...] = ()
    """mitmproxy's own, ``NAME=VALUE``."""

    # The ICAP service's

    trusted: tuple[str, ...] = ()
    """Networks of the proxies that are believed who sends."""
    users: str = "auto"
    """How they write users' names, as ``exfilter.icap.identity.Encoding``."""
    tls: tuple[Path, Path] | None = None
    """Certificate and private key, in PEM. None: it speaks in clear."""
    connections: int = 1024
    """Most at a time."""

    @classmethod
    def given(cls, descriptor: int) -> Plan:
        """Read what was written, and close the descriptor. Raises ValueError for anything else."""
        with open(descriptor, "rb") as file:
            return msgspec.json.decode(file.read(), type=cls, dec_hook=_path)

    def written(self) -> int:
        """Return a descriptor to read it from, which stays open over an ``exec``."""
        descriptor = os.memfd_create("plan", 0)
        os.write(descriptor, msgspec.json.encode(self, enc_hook=str))
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def _path(_: type, value: Any) -> Path:  # noqa: ANN401 - msgspec's
    return Path(value)
