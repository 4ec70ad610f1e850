"""A real PostgreSQL server: Debian's, as a process of its own, in a folder of its own, on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pg8000.native
import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "exfilter", "pufferfish-in-a-barrel"


@dataclass
class Server:
    """A running server. It does not run as root: then it is another user's."""

    binaries: Path
    port: int = 0
    _numbers: Iterator[int] = field(default_factory=count)

    def __enter__(self) -> Self:
        # Not pytest's folder: only its owner may enter that.
        self.folder = Path(tempfile.mkdtemp(prefix="exfilter-postgresql-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            owner = pwd.getpwnam(self._user)
            for path in (self.folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb",
            "-D",
            "data",
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            "password",
            "-N",
            "-E",
            "UTF8",
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        options = ("-D", "data", "-p", str(self.port), "-k", "", "-h", "127.0.0.1", "-F")
        with (self.folder / "log").open("wb") as log:
            command = [str(self.binaries / "postgres"), *options]
            self._process = subprocess.Popen(
                command, cwd=self.folder, user=self._user, stdout=log, stderr=log
            )
        self._await()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> sa.URL:
        """Make an empty database and return its URL, without the password."""
        name = f"ledger{next(self._numbers)}"
        with self._connection() as connection:
            connection.run(f"CREATE DATABASE {name}")
        return sa.URL.create("postgresql", USER, host="127.0.0.1", port=self.port, database=name)

    def _connection(self) -> pg8000.native.Connection:
        return pg8000.native.Connection(USER, "127.0.0.1", "postgres", self.port, PASSWORD)

    def _run(self, binary: str, *arguments: str) -> None:
        command = [str(self.binaries / binary), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, user=self._user, capture_output=True, check=False, timeout=60
        )
        if done.returncode:
            pytest.fail(f"{binary}: {done.stderr.decode()}")

    def _await(self) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                self._connection().close()
            except (pg8000.native.Error, OSError):
                if self._process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"postgres did not start: {(self.folder / 'log').read_text()}")
                time.sleep(0.05)
            else:
                return


def running() -> Iterator[Server]:
    """Run one. Where there is none installed the test fails: it proves nothing without."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.fail("there is no PostgreSQL: run `apt-get install postgresql`")
    with Server(found[-1]) as server:
        yield server
