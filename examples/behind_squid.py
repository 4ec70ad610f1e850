"""The incident in small behind Squid: two processes of `exfilter icap`, and their ledger on PostgreSQL.

Needs Debian's squid-openssl, postgresql and curl. Everything runs on loopback, in temporary folders, with the
configuration of ``icap/squid.conf``, and ends with this command. Exits with 1 where anything differs from
what must happen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import Demo, Unexpected, door, far_end, run  # it finds fixtures/

from fixtures import postgresql
from fixtures.squid import BINARY, HELPERS, PASSWORD, USER, Squid

NEEDED = {
    "squid-openssl": Path(BINARY).exists() and (HELPERS / "security_file_certgen").exists(),
    "postgresql": postgresql.installed() is not None,
}


@contextmanager
def running(demo: Demo) -> Iterator[None]:
    """Run far end, database, engine and Squid, and end all."""
    binaries = postgresql.installed()
    if not binaries or not all(NEEDED.values()):
        missing = " ".join(name for name, is_there in NEEDED.items() if not is_there)
        message = f"something is missing: apt-get install {missing}"
        raise Unexpected(message)
    with far_end(demo), postgresql.Server(binaries) as server:
        _share(demo, server)
        with (
            door(demo, "icap", "--processes", "2", "--trust", "127.0.0.0/8") as service,
            Squid(Path(demo.far_end.ca), service) as squid,
        ):
            demo.console.print(
                f"Squid at {squid.address} asks {service}; the ledger is at port {server.port}"
            )
            demo.proxy, demo.authority = squid.address, squid.ca
            demo.login = ("--proxy-user", f"{USER}:{PASSWORD}")
            yield
            demo.console.print(demo.exfilter("ledger", "list").rstrip(), soft_wrap=True, markup=False)


def _share(demo: Demo, server: postgresql.Server) -> None:
    """Have the ledger on the server, as several machines would."""
    password = demo.config / "ledger.password"
    password.touch(0o600)
    password.write_text(postgresql.PASSWORD, "utf-8")
    url = server.database().render_as_string()
    with (demo.config / "exfilter.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\nledger = "{url}"\nledger_password_file = "{password.name}"\n')


if __name__ == "__main__":
    sys.exit(run(running))
