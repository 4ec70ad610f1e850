r"""Who sends: what a proxy that is trusted says in the head of ICAP, else the peer's own address.

Proxies spell names in several ways (draft-stecher-icap-subid-00, and what products made of it): plain, as a
URI (``WinNT://CORP\anna``, ``LDAP://host/CN=Anna,DC=corp``, ``Local://anna``), and in base64 of either. A
name is the same however it is spelt, and has no case: ``corp\anna``, the distinguished name, ``anna``.
"""

from __future__ import annotations

import base64
import binascii
import enum
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from exfilter.captures.http1 import text
from exfilter.model import Headers
from exfilter.who.networks import Networks, network

LONGEST = 255
"""Characters of a name."""
NAMES = ("x-authenticated-user", "x-client-username")
"""Fields that tell a user, the one that goes before the others first."""
ADDRESS = "x-client-ip"
GROUPS = "x-authenticated-groups"
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ATTRIBUTE = re.compile(r"\s*[A-Za-z0-9.-]+\s*=")


class Unnamed(ValueError):  # noqa: N818 - a sender, no error
    """Nobody can tell who sends. Its text is a sentence without any value."""


class Encoding(enum.StrEnum):
    """How proxies spell names."""

    AUTO = "auto"
    """Base64 where it gives a URI, else as it stands: ``anna`` and ``service1`` are base64, too."""
    PLAIN = "plain"
    """Never in base64."""
    BASE64 = "base64"
    """Always in base64."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who is believed to send."""

    name: str
    """The actor: a user, else an address; of IPv6 its network. Empty: the peer has no address."""
    groups: frozenset[str] = frozenset()
    """Without case. Empty: none were told."""


def sender(headers: Headers, peer: str, trusted: Networks, encoding: Encoding = Encoding.AUTO) -> Sender:
    """Return who sends, from the fields of ICAP and the address of the peer.

    Raises Unnamed where a trusted proxy says what cannot be: two
    names, no name, one with control characters or of more than ``LONGEST`` characters, no base64, no address.
    """
    if peer not in trusted:
        return Sender(network(peer))
    return Sender(_said(headers, encoding) or network(peer), _groups(headers, encoding))


def _said(headers: Headers, encoding: Encoding) -> str:
    """Return who sends as the proxy says. Empty: it does not say."""
    for field in NAMES:
        value = _single(headers, field)
        if value is not None:
            return _checked(_name(_decoded(value, encoding)[0]), field)
    value = _single(headers, ADDRESS)
    if value is None:
        return ""
    try:
        return network(str(ipaddress.ip_address(value)))
    except ValueError:
        msg = f"the field {ADDRESS} holds no address"
        raise Unnamed(msg) from None


def _groups(headers: Headers, encoding: Encoding) -> frozenset[str]:
    """Return the groups. The field is a list, so it may be repeated, and empty elements are none."""
    told = [part for value in _values(headers, GROUPS) for part in value.split(",") if part.strip()]
    decoded = [_decoded(part, encoding) for part in told]
    if len(decoded) > 1 and all(was_encoded for _, was_encoded in decoded):
        parts = [plain for plain, _ in decoded]
    else:
        parts = _parts(",".join(plain for plain, _ in decoded))
    return frozenset(_checked(_name(part), GROUPS) for part in parts if part.strip())


def _parts(listed: str) -> list[str]:
    """Return the elements of a list in which distinguished names, which have commas, stand as LDAP URIs."""
    found: list[str] = []
    for part in listed.split(","):
        last = found[-1] if found else ""
        is_name = last[:5].lower() in {"ldap:", "ldaps"} and _ATTRIBUTE.match(part)
        if last.endswith("\\") or is_name:
            found[-1] += "," + part
        else:
            found.append(part.strip())
    return found


def _values(headers: Headers, wanted: str) -> list[str]:
    # A head is read as Latin-1: names beyond ASCII come as UTF-8.
    return [text(value.encode("latin-1")) for name, value in headers if name.lower() == wanted]


def _single(headers: Headers, wanted: str) -> str | None:
    """Return the value of a field that has one. None: it is not there."""
    found = set(_values(headers, wanted))
    if len(found) > 1:
        msg = f"the field {wanted} is there twice and says two things"
        raise Unnamed(msg)
    return found.pop() if found else None


def _decoded(value: str, encoding: Encoding) -> tuple[str, bool]:
    """Return what a value stands for, and whether it was in base64."""
    if encoding is Encoding.PLAIN:
        return value, False
    raw = value.strip(" \t").encode("ascii", "replace")
    try:
        plain = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError):
        plain = None
    if encoding is Encoding.BASE64 and plain is None:
        msg = "a name is not in base64, as all names of this proxy should be"
        raise Unnamed(msg)
    if plain is None or (encoding is Encoding.AUTO and not _URI.fullmatch(plain)):
        return value, False
    return plain, True


def _name(spelt: str) -> str:
    """Return a name without its scheme; with a scheme that is not known, as it stands."""
    uri = _URI.fullmatch(spelt.strip(" "))
    scheme, rest = (uri[1].lower(), text(unquote_to_bytes(uri[2]))) if uri else ("", "")
    if scheme == "winnt":
        return "\\".join(part for part in re.split(r"[/\\]", rest) if part)
    if scheme in {"ldap", "ldaps"}:
        host, _, name = rest.partition("/")
        return host if "=" in host else name
    if scheme == "local":
        return rest.lstrip("/")
    return spelt


def _checked(name: str, field: str) -> str:
    found = name.strip()
    # Lone surrogates are no text; bytes that are no UTF-8 came as Latin-1, with its control characters.
    if not found or len(found) > LONGEST or any(unicodedata.category(c) in {"Cc", "Cs"} for c in name):
        msg = f"the field {field} holds an empty name, a very long one, or one with control characters"
        raise Unnamed(msg)
    # Who logs in as anna and as ANNA is one: proxies hand on what was typed, and directories take either.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", found).casefold())
