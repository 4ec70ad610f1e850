"""The proxies that are measured: ``exfilter proxy``, and mitmdump of the same version with no script."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import ROOT
from bench.measure import exfilter
from bench.wire import processes
from exfilter import settings

PATIENCE = 60.0
"""Seconds for a start, and for an end."""
BARE = [sys.executable, "-P", "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"]
SAME = ("connection_strategy=lazy", "rawtcp=false", "block_global=false")
"""What exfilter sets as well."""


@dataclass(frozen=True, slots=True)
class Door:
    """A proxy that runs."""

    name: str
    process: int
    address: str
    """HOST:PORT."""
    ca: Path
    """What its clients trust."""
    said: Path
    """Its standard error."""


@contextmanager
def bare(folder: Path, upstream_ca: Path) -> Iterator[Door]:
    """Run mitmdump that only passes on."""
    folder.mkdir()
    port = _free()
    options = [*SAME, f"confdir={folder}", f"ssl_verify_upstream_trusted_ca={upstream_ca}"]
    line = [*BARE, "-q", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    line += [word for option in options for word in ("--set", option)]
    with _running(line, folder / "said") as process:
        _wait(process, lambda: _answers(port), folder / "said")
        ca = folder / "mitmproxy-ca-cert.pem"
        yield Door("mitmdump", process.pid, f"127.0.0.1:{port}", ca, folder / "said")


@contextmanager
def guarded(folder: Path, upstream_ca: Path, *more: str) -> Iterator[Door]:
    """Run ``exfilter proxy`` in a configuration folder."""
    with _ours("proxy", folder, "--upstream-ca", str(upstream_ca), *more) as (process, url):
        ca = folder / "proxy-ca" / "mitmproxy-ca-cert.pem"
        yield Door("exfilter", process, url.removeprefix("http://"), ca, folder / "said")


@contextmanager
def asked(folder: Path, *more: str) -> Iterator[Door]:
    """Run ``exfilter icap`` in a configuration folder. The address is the URL of the service."""
    with _ours("icap", folder, "--trust", "127.0.0.0/8", *more) as (process, url):
        yield Door("exfilter", process, url, Path(), folder / "said")


@contextmanager
def _ours(command: str, folder: Path, *more: str) -> Iterator[tuple[int, str]]:
    """Run a door of exfilter, and yield its process and what it says that it listens on."""
    line = exfilter(command, "--config", str(folder), "--listen", "127.0.0.1:0", *more)
    said = folder / "said"
    with _running(line, said) as process:
        _wait(process, lambda: "listening on " in said.read_text("utf-8"), said)
        found = re.search(r"listening on (\w+://\S+)", said.read_text("utf-8"))
        yield process.pid, found[1] if found else ""


@contextmanager
def far_end(chain: Path, cores: set[int]) -> Iterator[tuple[int, int]]:
    """Run the far end on these cores, and yield its ports of HTTP and HTTPS."""
    line = [sys.executable, "-m", "bench.wire.sink", str(chain)]
    with subprocess.Popen(  # noqa: S603 - a command of our own
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as sink:
        processes.pin(sink.pid, cores)
        assert sink.stdin  # noqa: S101 - it is a pipe
        assert sink.stdout  # noqa: S101 - as above
        http, https = map(int, sink.stdout.readline().split())
        yield http, https
        sink.stdin.close()


def copy(config: Path, folder: Path) -> Path:
    """Return a configuration folder with a quarantine and a log of its own, and the index of another."""
    folder.mkdir()
    given = settings.load(config)
    for file in (given.policy, given.reviewers, given.reviewer_key, given.index_key):
        shutil.copy2(file, folder / file.name)
    index = str(given.index.absolute())
    (folder / settings.FILE).write_text(f'{settings.DEFAULT_TEXT}\nindex = "{index}"\n', encoding="utf-8")
    return folder


@contextmanager
def _running(line: list[str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with said.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - commands of our own
            line, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, cwd=ROOT, env=kept
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], is_there: Callable[[], bool], said: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not is_there():
        if process.poll() is not None or time.monotonic() > until:
            msg = f"a proxy did not start: {said.read_text('utf-8', 'replace')[-500:]}"
            raise RuntimeError(msg)
        time.sleep(0.05)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
