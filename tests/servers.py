"""Real servers for the tests, on loopback, each ended with its test: an object store, and a cluster."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0
"""Seconds until a server must be up."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> None:
    """Wait until a server listens. Raises TimeoutError."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    msg = f"no server came up on port {port}"
    raise TimeoutError(msg)


@contextlib.contextmanager
def running(*command: str, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a program. Yield the id of its process."""
    with (folder / "servers.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(env or {})}, stdout=log, stderr=log
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _process(
    *command: str, folder: Path, env: Mapping[str, str] | None = None
) -> AbstractContextManager[int]:
    return running(sys.executable, *command, folder=folder, env=env)


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """Run an S3-compatible server with the bucket ``share``. Yield the environment that leads to it."""
    port = free_port()
    with _process("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), folder=folder):
        listening(port)
        endpoint = f"http://127.0.0.1:{port}"
        make = urllib.request.Request(f"{endpoint}/share", method="PUT")
        urllib.request.urlopen(make, timeout=PATIENCE).close()
        yield {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "invented",
            "AWS_SECRET_ACCESS_KEY": "invented-secret",
        }


@contextlib.contextmanager
def web_share(folder: Path, share: Path) -> Iterator[str]:
    """Serve a folder over WebDAV. Yield its URL. ``folder``: of the server's own files."""
    port = free_port()
    options = ("--host", "127.0.0.1", "--port", str(port), "--root", str(share), "--auth", "anonymous")
    with _process("-m", "wsgidav.server.server_cli", *options, folder=folder):
        listening(port)
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A scheduler with nodes: worker processes, each kept alive by a nanny."""

    address: str
    nannies: tuple[int, ...]
    """By node, the process whose children its workers are."""

    def workers(self) -> list[int]:
        """Return the processes that do the work now."""
        return [
            child for nanny in self.nannies for child in children(nanny) if "spawn_main" in _command(child)
        ]


def children(parent: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    found = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


@contextlib.contextmanager
def cluster(folder: Path, env: Mapping[str, str] | None = None, *options: str) -> Iterator[Cluster]:
    """Run a cluster. ``env``: what the workers know besides. ``options``: of ``dask worker``."""
    with (
        scheduler(folder) as address,
        node(folder, address, {"XDG_CACHE_HOME": str(folder / "cache"), **(env or {})}, *options) as nanny,
    ):
        yield Cluster(address, (nanny,))


@contextlib.contextmanager
def scheduler(folder: Path, env: Mapping[str, str] | None = None, *, port: int = 0) -> Iterator[str]:
    """Run a scheduler, here on a free port unless one is given. Yield its address."""
    port = port or free_port()
    command = ("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port))
    with _process(*command, "--no-dashboard", folder=folder, env=env):
        listening(port)
        yield f"tcp://127.0.0.1:{port}"


@contextlib.contextmanager
def node(
    folder: Path, address: str, env: Mapping[str, str], *options: str, workers: int = 2
) -> Iterator[int]:
    """Run workers on a node. Yield the process of their nanny."""
    worker = ("-m", "distributed.cli.dask_worker", address, "--nworkers", str(workers), "--nthreads", "1")
    here = ("--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(folder / "dask"))
    with _process(*worker, *here, *options, folder=folder, env=env) as nanny:
        yield nanny
