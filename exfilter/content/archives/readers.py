"""What archives begin with. Their parsers are in ``zips`` and ``others``; tar is read as it streams by."""

from __future__ import annotations

import re
from collections.abc import Callable

from exfilter.content import parsed, sniff
from exfilter.content.archives import tars
from exfilter.content.content import Content, Reader

_CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}|(?:\xc7\x71|\x71\xc7).{24}", re.DOTALL)
_LHA = re.compile(rb"..-l[hz][0-9ds]-", re.DOTALL)
_AR = re.compile(rb"!<arch>\n(?:\Z|.{58}`\n)", re.DOTALL)
_COMPRESS = re.compile(re.escape(sniff.COMPRESS) + rb"[\x09-\x10\x89-\x90]", re.DOTALL)
_ISO_PLACE = 16 * 2048 + 1
_ISO = b"CD001"
_NAME = 26


def _cpio(head: bytes) -> bool:
    """Whether there is a header and, where it is one of a few bytes, a name that ends where it says."""
    if not _CPIO.match(head):
        return False
    if head.startswith(b"0707"):
        return True
    size = int.from_bytes(head[20:22], "little" if head[0] == 0xC7 else "big")
    name = head[_NAME : _NAME + size]
    return size > 1 and name.find(b"\x00") == size - 1


def _begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


_ARCHIVES: dict[str, Callable[[bytes], bool]] = {
    "zip": _begins(*sniff.ZIP),
    "7z": _begins(sniff.SEVENZ),
    "rar": _begins(sniff.RAR),
    "cab": _begins(sniff.CAB),
    "iso": lambda head: head.startswith(_ISO, _ISO_PLACE),
    "cpio": _cpio,
    "ar": lambda head: bool(_AR.match(head)),
    "rpm": _begins(sniff.RPM),
    "xar": _begins(sniff.XAR),
    "lha": lambda head: bool(_LHA.match(head)),
    "compress": lambda head: bool(_COMPRESS.match(head)),
}


def _reader(name: str, recognises: Callable[[bytes], bool]) -> Reader:
    def recognised(content: Content) -> bool:
        return recognises(content.stream.head())

    return parsed.reader(name, recognised)


READERS = (tars.READER, *(_reader(name, recognises) for name, recognises in _ARCHIVES.items()))
