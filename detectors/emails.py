"""E-mail addresses (RFC 5321, RFC 6531).

Canonical: folded local part without ``+tag``, domain as IDNA A-labels in lower case (RFC 5891,
UTS 46). At Gmail dots in the local part mean nothing and are dropped. Accents count, but neither
variation selectors nor which dash or full stop is written.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

import idna

from detectors import Key
from detectors.names import CJK
from exfilter.model import Kind

SHAPE = "email"
MAX_LOCAL = 64
MAX_DOMAIN = 253
DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
"""Providers that ignore dots in the local part, and the domain that their addresses share."""

FULL_STOP = "\u3002"
"""Of Chinese and Japanese; keyboards for them write it where a dot is meant."""

SAME = (
    ("h.brown@yahoo.com", "H.Brown@Yahoo.COM", "<h.brown@yahoo.com>", "h.brown+news@yahoo.com"),
    ("jane.doe@gmail.com", "janedoe@gmail.com", "j.a.n.e.doe@googlemail.com"),
    ("ina@b\u00fccher.example", "ina@xn--bcher-kva.example", "INA@B\u00dcCHER.EXAMPLE"),
    ("kai@post.example", "mailto:kai@post.example", "mail=kai@post.example", "'kai@post.example',"),
    (
        "kai@post.example",
        "values (N'kai@post.example', E'x')",
        "b'kai@post.example, x'",
        "u'kai@post.example'",
    ),
    ("kai@post.example", "Write to kai@post.example.", "\uff4bai\uff20post\uff0eexample"),
    ("kai@post.example", "kai @ post.example", "kai@ post.example", '"kai"@post.example'),
    ("kai.b-c@post.example", "kai\ufe0f.b\u2010c\ufe0f@post\u2024example", "kai.b\u2011c\ufe6bpost.example"),
    (
        "kai@post.example",
        "kai\uff20post\u3002example",
        "\u89c1kai@post.example\u3002\u8c22\u8c22",
        "Kai@post\uff61example",
    ),
)
LOOKALIKES = (
    ("hbrown@yahoo.com", "hbrown@yahoo.com.au"),
    ("user@gmail.com", "user@gmail.com.invalid"),
    ("hbrown@yahoo.com", "jhbrown@yahoo.com"),
    ("hbrown@yahoo.com", "j.hbrown@yahoo.com"),
    ("hbrown@yahoo.com", "hbrown@yahoo.co"),
    ("kai@post.example", "kai   @ post.example"),
    ("brien@mail.example", "o'brien@mail.example"),
    ("h.brown@yahoo.com", "hbrown@yahoo.com"),
    ("ina@bucher.example", "ina@b\u00fccher.example"),
)


_WRITTEN = {
    **dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),  # variation selectors
    **dict.fromkeys(range(0x2010, 0x2016), "-"),
    ord(FULL_STOP): ".",
}
_APART = re.compile(f"[{CJK}{FULL_STOP}\uff61]")


def canonical(address: str) -> bytes | None:
    """Return the canonical form of a bare address, or None where it cannot be one."""
    text = address
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text.translate(_WRITTEN) if unicodedata.category(c) != "Cf")
    local, at, domain = text.casefold().rpartition("@")
    local = local.partition("+")[0].strip(".")
    domain = domain.strip(".-")
    if not at or not local or "." not in domain or len(local) > MAX_LOCAL or len(domain) > MAX_DOMAIN:
        return None
    if not domain.isascii():
        ascii_domain = _a_labels(domain)
        if ascii_domain is None:
            return None
        domain = ascii_domain
    if domain in DOTLESS:
        local, domain = local.replace(".", ""), DOTLESS[domain]
    return f"{local}@{domain}".encode()


def readings(local: str, domain: str) -> Iterator[bytes]:
    """Yield the canonical forms of what stands around an ``@``.

    Scripts without spaces go on with their text at an address, and so may what follows their full stop.
    """
    whole = canonical(f"{local}@{domain}")
    if whole is not None:
        yield whole
    if local.isascii() and domain.isascii():
        return
    within = canonical(f"{_APART.split(local)[-1]}@{_APART.split(domain)[0]}")
    if within is not None and within != whole:
        yield within


@functools.lru_cache(maxsize=4096)
def _a_labels(domain: str) -> str | None:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None


def keys(cell: str) -> tuple[Key, ...]:
    """Return the keys of one table cell; empty where it holds no valid address."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - 40 ms; no scan needs it

    address = cell.strip().removeprefix("mailto:").strip("<>'\" ,;")
    try:
        address = validate_email(
            address, check_deliverability=False, allow_smtputf8=True, test_environment=True
        ).normalized
    except EmailNotValidError:
        if address.count("@") != 1 or any(c.isspace() for c in address):
            return ()
    form = canonical(address)
    return (Key(Kind.EMAIL, SHAPE, form),) if form else ()
