"""Patterns of host names, compared label by label: ``*.crm.example`` is not ``evilcrm.example``."""

from __future__ import annotations

import ipaddress
import re

import idna

ANY = "*"
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def pattern(text: str) -> str:
    """Return a host pattern in its one spelling.

    A pattern is ``*``, a host name, an IP address, or ``*.`` and a host name, which stands for every
    host below that name but not for the name itself. Raises ValueError for anything else.
    """
    wanted = text.strip().lower()
    if wanted == ANY:
        return ANY
    star, name = ("*.", wanted[2:]) if wanted.startswith("*.") else ("", wanted)
    of_address = address(name)
    if of_address and not star:
        return of_address
    try:
        name = idna.encode(name, uts46=True).decode() if not name.isascii() else name.rstrip(".")
    except idna.IDNAError:
        name = ""
    if of_address or not _is_host(name):
        msg = f"{text!r} is no host name, no IP address and no '*.' before a host name"
        raise ValueError(msg)
    return star + name


def matches(patterns: tuple[str, ...], destination: str) -> bool:
    """Whether a transfer's destination is covered by one of the (normalised) patterns."""
    of_address = address(destination.strip("[]"))
    host = of_address or destination.lower().removesuffix(".")
    if ANY in patterns or host in patterns:
        return True
    return not of_address and _is_host(host) and any(_is_below(host, each) for each in patterns)


def _is_below(host: str, each: str) -> bool:
    return each.startswith("*.") and host.endswith(each[1:])


def _is_host(name: str) -> bool:
    return 0 < len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def address(text: str) -> str:
    """Return an IP address in its one spelling, or an empty string if it is none."""
    if ":" not in text and not text[-1:].isdigit():
        return ""  # the usual case, without the cost of an exception
    try:
        return ipaddress.ip_address(text).compressed
    except ValueError:
        return ""
