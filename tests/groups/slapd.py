"""A real directory: Debian's ``slapd`` as a process of its own, in a folder of its own, on loopback."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from cryptography import x509
from ldap3 import Connection, Server
from ldap3.core.exceptions import LDAPException

from tests.who.company import SERVER, Issued

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "dc=corp,dc=example"
READER, READER_PASSWORD = f"cn=exfilter,{BASE}", "blowfish-in-a-barrel"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "admin-of-a-test"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCertificateFile {chain}
TLSCertificateKeyFile {chain}
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw {admin_password}
directory "{data}"
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


@dataclass
class Directory:
    """A running server with some people and groups in it."""

    folder: Path
    binary: str

    def __enter__(self) -> Self:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self.port, self.tls_port = _free_ports(2)
        self.url = f"ldap://127.0.0.1:{self.port}"
        company = Issued.authority()
        company.publish(self.ca)
        names = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        config = self.folder / "slapd.conf"
        config.write_text(
            CONFIG.format(
                chain=company.person("localhost", *names, usage=(SERVER,)).write(self.folder / "chain.pem"),
                base=BASE,
                admin=ADMIN,
                admin_password=ADMIN_PASSWORD,
                reader=READER,
                data=self.folder / "data",
            )
        )
        listening = f"{self.url} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [self.binary, "-d", "0", "-f", str(config), "-h", listening], stdout=log, stderr=log
            )
        self._seed()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def change(self, dn: str, **changes: Any) -> None:  # noqa: ANN401 - ldap3's own form
        """Change an entry as an administrator does."""
        with self._admin() as admin:
            admin.modify(dn, changes)

    def _admin(self) -> Connection:
        server = Server("127.0.0.1", self.port)
        return Connection(server, ADMIN, ADMIN_PASSWORD, auto_bind=True, raise_exceptions=True)

    def _seed(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                admin = self._admin()
                break
            except LDAPException:
                if self.process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"slapd did not start: {(self.folder / 'log').read_text()}")
                time.sleep(0.05)
        with admin:
            admin.add(BASE, ["dcObject", "organization"], {"dc": "corp", "o": "Corp"})
            admin.add(
                READER, ["organizationalRole", "simpleSecurityObject"], {"userPassword": READER_PASSWORD}
            )
            for unit in (PEOPLE, GROUPS, f"ou=guests,{BASE}"):
                admin.add(unit, "organizationalUnit")
            for uid in ("anna", "boris", "twin"):
                admin.add(f"uid={uid},{PEOPLE}", "inetOrgPerson", {"cn": uid, "sn": uid})
            admin.add(f"uid=twin,ou=guests,{BASE}", "inetOrgPerson", {"cn": "twin", "sn": "twin"})
            member = f"uid=anna,{PEOPLE}"
            for name in ("Support", r"Sales\, Räte", "all"):
                admin.add(f"cn={name},{GROUPS}", "groupOfNames", {"member": member})
            unix = {"gidNumber": 1, "memberUid": ["anna", "boris"]}
            admin.add(f"cn=unix,{GROUPS}", "posixGroup", unix)


def running(folder: Path) -> Iterator[Directory]:
    """Run one. Where there is no ``slapd`` the test fails: it proves nothing without."""
    binary = shutil.which("slapd", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))
    if binary is None or not Path("/etc/ldap/schema/core.schema").exists():
        pytest.fail("there is no slapd: run `DEBIAN_FRONTEND=noninteractive apt-get install slapd`")
    with Directory(folder, binary) as directory:
        yield directory


def _free_ports(count: int) -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in opened]
    for each in opened:
        each.close()
    return ports
