"""A proxy in a process of its own, in a configuration folder of its own, and curl in front of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.farend import FarEnd

ROOT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-P", "-c", "from exfilter.cli import main; main()")
FAULTS = Path(__file__).with_name("faults")
PATIENCE = 60.0
"""Seconds after which something that should have happened counts as hanging."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What curl was answered. ``status`` 0: nothing."""

    status: int
    headers: dict[str, str]
    body: str
    curl: int = 0
    """curl's exit code."""

    @property
    def transfer_id(self) -> str:
        return self.headers.get("x-exfilter-transfer", "")


def exfilter(*arguments: str | Path, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    line = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=environment(), check=False
    )


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONUNBUFFERED": "1"}


@dataclass
class Proxy:
    """A running ``exfilter proxy``; ``fault`` runs one whose scan misbehaves (see ``faults/``)."""

    folder: Path
    arguments: tuple[str, ...] = ()
    fault: str = ""
    limits: str = ""
    """Shell commands before it, such as ``ulimit``."""
    said: list[str] = field(default_factory=list)
    address: str = ""
    listen: str = "127.0.0.1:0"
    command: ClassVar[str] = "proxy"

    def __enter__(self) -> Self:
        places = ("--config", str(self.folder), "--listen", self.listen)
        command = [*COMMAND, self.command, *places, *self.arguments]
        if self.limits:
            command = ["bash", "-c", f'{self.limits}; exec "$@"', "bash", *command]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment() | self._faulty()
        )
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(listening,), daemon=True)
        self._reader.start()
        if not listening.wait(PATIENCE) or not self.address:
            self.__exit__()
            pytest.fail(f"{self.command} did not start: {self.said}")
        return self

    def _faulty(self) -> dict[str, str]:
        if not self.fault:
            return {}
        paths = [str(FAULTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths), "EXFILTER_FAULT": self.fault}

    def _read(self, listening: threading.Event) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            if match := re.search(r"listening on ((?:http|icaps?)://[^\s\"]+)", line):
                self.address = match[1]
                listening.set()
        listening.set()

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGTERM)

    def stop(self, number: signal.Signals) -> int:
        """Send it a signal and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        return self.process.returncode

    @property
    def ca(self) -> Path:
        return self.folder / "proxy-ca" / "mitmproxy-ca-cert.pem"

    def curl(self, url: str, *arguments: str, data: bytes | None = None, timeout: float = 30) -> Reply:
        """Send a request through it; ``data`` is its body."""
        return curl(url, "-x", self.address, "--cacert", str(self.ca), *arguments, data=data, timeout=timeout)

    def eventually[Found](self, look: Callable[[], Found]) -> Found:
        """Return what is found at last: the first that is not empty."""
        end = time.monotonic() + PATIENCE
        while not (found := look()) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def family(self) -> dict[int, str]:
        """Return all processes below the door's, with their command lines."""
        below, found = [self.process.pid], {}
        while below:
            parent = below.pop()
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                for child in map(int, children.read_text().split()):
                    found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
                    below.append(child)
        return found

    def files(self) -> list[str]:
        """Return the files that the door's process has open, without sockets and the like."""
        links = [str(link.readlink()) for link in Path(f"/proc/{self.process.pid}/fd").iterdir()]
        return [link for link in links if link.startswith(str(self.folder))]

    def resident(self, *, most: bool = False) -> int:
        """Return the bytes of memory that the door's process has, or the most that it ever had."""
        wanted = "VmHWM" if most else "VmRSS"
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(wanted)) * 1024

    def decisions(self) -> list[dict[str, Any]]:
        """Return the lines of the decision log."""
        log = self.folder / "decisions.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@dataclass
class Shared(Proxy):
    """One for several tests, as it takes seconds to start; each sees what was decided since it began."""

    seen: int = 0

    def begin(self) -> Self:
        """Begin another test."""
        self.seen = len(super().decisions())
        return self

    def decisions(self) -> list[dict[str, Any]]:
        return super().decisions()[self.seen :]


def curl(url: str, *arguments: str, data: bytes | None = None, timeout: float = 30) -> Reply:
    """Run curl and read what it was answered."""
    with tempfile.TemporaryDirectory() as folder:
        head, body, sent = (Path(folder) / name for name in ("head", "body", "sent"))
        body.touch()
        line = ["curl", "-sS", "-q", "--noproxy", "", "-m", str(timeout), "-D", str(head), "-o", str(body)]
        if data is not None:
            sent.write_bytes(data)
            line += ["-X", "POST"] if "-X" not in arguments else []
            line += ["--data-binary", f"@{sent}"]
        done = subprocess.run(
            [*line, *arguments, url], capture_output=True, text=True, env=environment(), check=False
        )
        status, headers = _last_head(head.read_text("latin-1") if head.exists() else "")
        return Reply(status, headers, body.read_text("utf-8", "replace"), done.returncode)


def _last_head(text: str) -> tuple[int, dict[str, str]]:
    heads = [block for block in re.split(r"\r?\n\r?\n", text) if block.startswith("HTTP/")]
    finals = [block for block in heads if not re.match(r"HTTP/\S+ (100|200 Connection)", block)]
    if not finals:
        return 0, {}
    first, *lines = finals[-1].splitlines()
    headers = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, value in headers.items()}


def http(far_end: FarEnd, path: str = "/upload") -> str:
    return f"http://127.0.0.1:{far_end.http}{path}"


def https(far_end: FarEnd, path: str = "/upload") -> str:
    return f"https://localhost:{far_end.https}{path}"


def copy(template: Path, folder: Path) -> Path:
    """Return a configuration folder of its own."""
    shutil.copytree(template, folder)
    return folder
