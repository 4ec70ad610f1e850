"""What header fields mean: parameters in pieces and percent (RFC 2231, 5987), encoded words (RFC 2047)."""

from __future__ import annotations

import binascii
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from exfilter.content import charset
from exfilter.content.content import shown

_PARAMETER = re.compile(
    rb"""[;\s]([A-Za-z][\w.-]{0,40})(?:\*(\d{1,3}))?(\*)?[ \t]{0,8}=[ \t]{0,8}"""
    rb"""(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;]{1,4096}))"""
)
_WORD = re.compile(rb"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\r\n]{0,2000})\?=(?:\s{1,8}(?==\?))?")

_NAME = re.compile(rb"""(?<![\w*])name\*?\s*=\s*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;]+))""", re.IGNORECASE)
_FILE = re.compile(
    rb"""filename(?:\*\d{0,3}\*?)?\s*=\s*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;]+))""", re.IGNORECASE
)


def meant(block: bytes) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a header block that are written in another way: by name, and what they say.

    Also what encoded words say anywhere in it, without a name.
    """
    if b"=?" in block:
        words = [_decoded(match) for match in _WORD.finditer(block)]
        if words:
            yield "", "".join(words)
    if b"*" in block:
        yield from _parameters(block)


def _parameters(block: bytes) -> Iterator[tuple[str, str]]:
    pieces: dict[str, list[tuple[int, bytes]]] = {}
    for name, number, percent, quoted, bare in _PARAMETER.findall(block):
        if number or percent:
            value = urllib.parse.unquote_to_bytes(quoted or bare) if percent else quoted or bare
            pieces.setdefault(name.decode().lower(), []).append((int(number or 0), value))
    for name, values in pieces.items():
        whole = b"".join(value for _, value in sorted(values, key=lambda piece: piece[0]))
        language = whole.split(b"'", 2)
        declared = language[0].decode("latin-1") if len(language) == 3 else ""
        yield name, charset.Decoder(declared).decode(language[-1] if declared else whole)


def _decoded(match: re.Match[bytes]) -> str:
    declared = match[1].partition(b"*")[0].decode("latin-1")
    if match[2] in b"qQ":
        data = binascii.a2b_qp(match[3], header=True)
    else:
        try:
            data = binascii.a2b_base64(match[3] + b"=" * (-len(match[3]) % 4))
        except binascii.Error:
            return match[0].decode("latin-1")
    return charset.Decoder(declared).decode(data)


@dataclass(frozen=True, slots=True)
class Head:
    """The headers of a part."""

    number: int
    raw: bytes

    def value(self, name: bytes) -> str:
        """Return the value of a header, or an empty string."""
        found = re.search(rb"(?:\A|[\r\n])" + name + rb"[ \t]*:[ \t]*([^\r\n]*)", self.raw, re.IGNORECASE)
        return found[1].decode("latin-1").strip() if found else ""

    @property
    def file(self) -> bool:
        """Whether there is a file name."""
        return bool(_FILE.search(self.raw))

    @property
    def name(self) -> bytes:
        """The field's name."""
        found = _NAME.search(self.raw)
        plain = (found[1] or found[2] or b"") if found else b""
        return dict(meant(self.raw)).get("name", "").encode("utf-8", "replace") or plain

    @property
    def transfer(self) -> str:
        """The transfer encoding, if it changes the bytes."""
        value = self.value(b"content-transfer-encoding").lower()
        return value if value in ("base64", "quoted-printable") else ""

    @property
    def filename(self) -> str:
        """The file name as it is meant, or an empty string."""
        found = _FILE.search(self.raw)
        plain = (found[1] or found[2] or b"").decode("utf-8", "replace") if found else ""
        return dict(meant(self.raw)).get("filename", "") or plain

    @property
    def step(self) -> str:
        """The part as provenance shows it."""
        name = self.filename
        return f'multipart[{self.number}] "{shown(name)}"' if name else f"multipart[{self.number}]"
