"""E-mail addresses in windows of a text: whether they are plain, or what was done to them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

TOP = frozenset(
    "com net org edu gov mil int info biz name pro io co me tv ai app dev cloud online shop site xyz "
    "example test eu de uk fr it es nl be ch at pl cz sk hu ro bg gr pt se no dk fi ie lt lv ee si hr rs "
    "ru ua by kz tr il ae sa in pk bd lk cn jp kr tw hk sg my th vn id ph au nz za ng ke eg ma "
    "br ar cl pe co mx ca us".split()
)
"""Ends of host names that most addresses have."""
_TELLING = frozenset("com net org edu gov info example".split())
"""Those that no other letters become by chance."""
_MOST = 4
"""Addresses of a window that are looked at."""
_REACH = 64
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789._+-!$|"
_PLAIN = re.compile(rb"[^@]+@(?:[a-z0-9-]+\.)+([a-z]{2,})")


def addresses(window: bytes) -> Iterator[bytes]:
    """Yield the first addresses in a window of small letters, whole or not."""
    at = window.find(b"@")
    for _ in range(_MOST):
        if at < 0:
            return
        before, behind = window[max(0, at - _REACH) : at], window[at + 1 : at + _REACH]
        local = before[len(before.rstrip(_LETTERS)) :]
        host = behind[: len(behind) - len(behind.lstrip(_LETTERS))]
        if len(local) > 1 and len(host) > 1:
            yield local + b"@" + host
        at = window.find(b"@", at + 1)


def plain(address: bytes) -> bool:
    """Whether an address ends as addresses do."""
    found = _PLAIN.fullmatch(address.rstrip(b".-_"))
    return found is not None and found[1].decode() in TOP


def turned(address: bytes) -> bool:
    """Whether an address is one when it is read backwards, or each of its words."""
    if plain(address):
        return False
    first, _, _ = address.partition(b".")
    return first.decode()[::-1] in TOP or _last(address)[::-1] in _TELLING


def shift(address: bytes) -> int:
    """Return by how many places in the alphabet an address has to be turned to be one, 0 where by none."""
    return 0 if plain(address) else _shifts().get(_last(address), 0)


def _last(address: bytes) -> str:
    return address.rstrip(b".-_").rpartition(b".")[2].decode()


@functools.cache
def _shifts() -> dict[str, int]:
    """Return what the ends of host names become when they are turned, and how to turn them back."""
    return {
        "".join(chr((ord(c) - 97 - by) % 26 + 97) for c in end): by for by in range(1, 26) for end in _TELLING
    }
