"""Groups in a directory (LDAP, RFC 4511): one search for each actor, and the names of what it finds.

The link is TLS: ``ldaps://``, or ``ldap://`` with StartTLS; in clear only to this machine. Who could alter
the answers would choose the groups.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ldap3 import AUTO_BIND_NONE, NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from exfilter import private

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.settings import Settings

ENVIRONMENT = "EXFILTER_LDAP_PASSWORD"
"""Environment variable that takes the place of the password's file."""
ACTOR = "{actor}"
TIMEOUT = 5
"""Seconds for a connection, and for each answer."""
ENTRIES = 1000
"""Groups of one actor at most; more is a failure, not a shorter list."""
BY_NAME = frozenset({"memberof", "ismemberof"})
"""Attributes of a person that hold the distinguished names of groups."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the directory listens."""

    host: str
    port: int
    tls: bool
    """From the first byte on. False: by StartTLS, or not at all on this machine."""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Take ``ldaps://HOST[:PORT]`` or ``ldap://HOST[:PORT]``. Raises ValueError."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        except ValueError:
            scheme, host, port = "", "", None
        if scheme not in ("ldap", "ldaps") or not host or "@" in url or parts.path.strip("/") or parts.query:
            msg = "ldap_url: write ldaps://HOST, or ldap://HOST for StartTLS, with :PORT if need be"
            raise ValueError(msg)
        found = cls(host, port or (636 if scheme == "ldaps" else 389), scheme == "ldaps")
        if found._ip is not None and (found.tls or not found.is_here):
            msg = f"ldap_url: write the name of the host instead of {host}: its certificate is checked by it"
            raise ValueError(msg)
        return found

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        return self._ip.is_loopback if self._ip else self.host == "localhost"

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


class Directory:
    """Asks for the groups of an actor. Safe to use from several threads."""

    def __init__(self, given: Settings) -> None:
        """Take the settings that begin with ``ldap_``. Raises ValueError or OSError for a mistake in them."""
        self._address = Address.parse(given.ldap_url)
        self._base, self._filter = given.ldap_base, given.ldap_filter
        self._attribute = given.ldap_group_attribute
        self._user, self._password_file = given.ldap_bind_dn, given.ldap_password_file
        if ACTOR not in self._filter or not _is_filter(self._filter):
            msg = f"ldap_filter: write a filter in brackets with {ACTOR} in it, such as (uid={ACTOR})"
            raise ValueError(msg)
        if self._user:
            _password(self._password_file)
        ca = str(given.ldap_ca) if given.ldap_ca.name else None
        if ca:
            ssl.create_default_context(cafile=ca)
        self._tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca)

    def groups(self, actor: str) -> frozenset[str]:
        """Return the names of the actor's groups, without case.

        Raises ConnectionError where that could not be found out. Says no name, no value and no password.
        """
        if not actor.isprintable() or actor != actor.strip():
            return frozenset()  # A directory would leave these characters out, and find somebody else.
        try:
            connection = self._connected()
        except (LDAPException, OSError) as error:
            raise _failure(error) from None
        try:
            return self._search(connection, actor)
        except (LDAPException, OSError, ValueError) as error:
            raise _failure(error) from None
        finally:
            connection.strategy.close()

    def _connected(self) -> Connection:
        here = self._address
        server = Server(
            here.host, here.port, use_ssl=here.tls, tls=self._tls, get_info=NONE, connect_timeout=TIMEOUT
        )
        connection = Connection(
            server,
            user=self._user or None,
            password=_password(self._password_file) if self._user else None,
            auto_bind=AUTO_BIND_NONE,
            # A referral would take the password to whoever it names.
            auto_referrals=False,
            raise_exceptions=True,
            read_only=True,
            receive_timeout=TIMEOUT,
        )
        connection.open()
        if not here.tls and not here.is_here:
            connection.start_tls()
        connection.bind()
        return connection

    def _search(self, connection: Connection, actor: str) -> frozenset[str]:
        connection.search(
            self._base,
            self._filter.replace(ACTOR, escape_filter_chars(actor)),
            SUBTREE,
            attributes=[self._attribute],
            time_limit=TIMEOUT,
            size_limit=ENTRIES,
        )
        entries = [entry for entry in connection.response or () if entry["type"] == "searchResEntry"]
        names_groups = self._attribute.lower() in BY_NAME
        if names_groups and len(entries) > 1:
            msg = "several people are called that"
            raise LookupError(msg)
        values = [value for entry in entries for value in _values(entry["raw_attributes"], self._attribute)]
        return frozenset((_first(value) if names_groups else value).casefold() for value in values)


def _values(attributes: dict[str, list[bytes]], wanted: str) -> list[str]:
    return [
        value.decode("utf-8")
        for name, values in attributes.items()
        if name.lower() == wanted.lower()
        for value in values
    ]


def _first(name: str) -> str:
    """Return the first value of a distinguished name: ``support`` of ``cn=support,ou=groups``."""
    value = parse_dn(name)[0][1]
    return _ESCAPED.sub(_unescaped, value)


_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\.")


def _unescaped(match: re.Match[str]) -> str:
    hexadecimal = match[0].replace("\\", "")
    if len(match[0]) == 2:
        return hexadecimal
    return bytes.fromhex(hexadecimal).decode("utf-8")


def _is_filter(text: str) -> bool:
    return text.startswith("(") and text.endswith(")") and text.count("(") == text.count(")")


def _password(file: Path) -> str:
    """Return the password of the bind. Raises ValueError or OSError where there is none.

    An empty one would be no bind at all (RFC 4513, section 5.1.2).
    """
    text = os.environ.get(ENVIRONMENT, "")
    if not text and file.name:
        try:
            text = private.read(file).decode("utf-8", "replace").rstrip("\r\n")
        except FileNotFoundError:
            msg = f"ldap_password_file {file} does not exist: make it with mode 0600, or set {ENVIRONMENT}"
            raise FileNotFoundError(msg) from None
    if not text:
        msg = f"ldap_bind_dn needs a password: name its file in ldap_password_file, or set {ENVIRONMENT}"
        raise ValueError(msg)
    return text


def _failure(error: Exception) -> ConnectionError:
    # The kind only: messages of directories quote names.
    return ConnectionError(type(error).__name__)
