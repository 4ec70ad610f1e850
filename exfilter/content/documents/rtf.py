r"""Rich text (RTF 1.9.1): one pass over all groups, whatever they are for.

striprtf 0.0.35 keeps the body and drops nine of eleven places where text can lie (headers, footers,
footnotes, comments, properties, text boxes, shapes), and takes 58 s for 380 kB of ``{\field{\*\fldinst{``.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from exfilter.content import parsed
from exfilter.content.content import Content
from exfilter.content.documents import blips, packages, rtfcodes
from exfilter.content.documents.rtfflow import Flow
from exfilter.content.sandbox.found import Found, Member, Wishes

_TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|((?:\\'[0-9A-Fa-f]{2})+)|\\(.)|(\{+|\})|[\r\n\x00]+"
    rb"|([^\\{}\r\n\x00]{1,65536})|\\",
    re.DOTALL,
)
_NO_HEX = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_PICTURES = {
    "pngblip": "png",
    "jpegblip": "jpg",
    "emfblip": "emf",
    "wmetafile": "wmf",
    "dibitmap": "bmp",
    "macpict": "pict",
}
"""What a picture is -> the ending of its name."""
_HIDDEN = rtfcodes.HEXADECIMAL | rtfcodes.ASIDE
_STEP = 1 << 16
_BLANK = b"\x00 \t\r\n"


class _Group(NamedTuple):
    """What a closing brace brings back."""

    destination: str
    """Empty: the document itself, or what is shown with it."""
    skip: int
    """Characters behind a Unicode one that stand for it where it cannot be shown."""
    codec: str


def _recognises(content: Content) -> bool:
    return content.stream.head(_STEP).lstrip(b"\xef\xbb\xbf" + _BLANK)[:4].lower() == b"{\\rt"


READER = parsed.plain("rtf", _recognises)


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the text, the rows of tables, pictures and embedded files."""
    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        yield from _Reader(data).found()


class _Reader:
    """Reads the tokens of one file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._flow = Flow()
        self._fonts = rtfcodes.Fonts()
        self._outer: list[_Group] = []
        self._group = _Group("", 1, "cp1252")
        self._skipped = 0
        """Characters that are still to be left out."""
        self._starred = False
        self._bytes = bytearray()
        self._ending = ""

    def found(self) -> Iterator[Found]:
        """Yield what is found on the way."""
        data = self._data
        at = data.find(b"{")
        while token := _TOKEN.match(data, at):
            at = token.end()
            if token[5] and token[5] != b"}":
                self._outer += [self._group] * len(token[5])
                self._skipped, self._starred = 0, False
            elif token[5]:
                yield from self._closed()
                if not self._outer and not data[at : at + _STEP].lstrip(_BLANK).startswith((b"{", b"\\")):
                    break
            elif token[1] == b"bin":
                size = max(0, int(token[2] or 0))
                self._bytes += data[at : at + size].hex().encode()
                at += size
            else:
                self._token(token)
            if self._flow.full:
                yield from self._flow.texts(last=False)
        del self._outer[1:]  # a document that is cut off ends all groups
        if self._outer:
            yield from self._closed()
        yield from self._flow.texts(last=True)
        if data[at : at + _STEP].strip(_BLANK):
            yield Member("end", (data[start : start + _STEP] for start in range(at, len(data), _STEP)))

    def _token(self, token: re.Match[bytes]) -> None:
        word, number, codes, sign, _, text = token.groups()
        if word:
            self._word(word.decode().lower(), -1 if number is None else int(number))
        elif codes:
            self._text(bytes.fromhex(codes.replace(b"\\'", b"").decode()))
        elif sign:
            self._sign(sign)
        elif text:
            self._text(text)

    def _closed(self) -> Iterator[Found]:
        """Go back to the outer group. Yield what the one that ends has embedded."""
        self._skipped, self._starred = 0, False
        closed, self._group = self._group, self._outer.pop() if self._outer else self._group
        if closed.destination == self._group.destination:
            return
        if closed.destination in rtfcodes.HEXADECIMAL:
            yield from self._embedded(closed.destination)
        elif closed.destination:
            self._flow.aside()

    def _word(self, name: str, number: int) -> None:
        self._skipped = 0
        if name == "u" and number != -1:
            self._flow.char(chr(number & 0xFFFF), shown=not self._group.destination)
            self._skipped = self._group.skip
        elif name in rtfcodes.SIGNS:
            self._flow.char(rtfcodes.SIGNS[name], shown=not self._group.destination)
        elif name in _HIDDEN or (self._starred and name not in rtfcodes.SHOWN):
            self._group = self._group._replace(destination=name)
        elif name in rtfcodes.SHOWN:
            self._flow.paragraph()
            self._group = self._group._replace(destination="")
        elif name in _PICTURES:
            self._ending = _PICTURES[name]
        elif not self._group.destination:
            self._format(name, number)
        elif self._group.destination == "fonttbl":
            self._fonts.word(name, number)
        self._starred = False

    def _format(self, name: str, number: int) -> None:
        """Take a word that says how the text of the document is."""
        flow = self._flow
        if name in rtfcodes.BREAKS:
            flow.paragraph()
        elif name in ("cell", "nestcell"):
            flow.cell()
        elif name in ("row", "nestrow"):
            flow.row()
        elif name in ("intbl", "pard"):
            flow.table = name == "intbl"
        elif name == "uc":
            self._group = self._group._replace(skip=max(0, number))
        elif name == "f":
            self._group = self._group._replace(codec=self._fonts.codec(number))
        else:
            self._fonts.word(name, number)
            if name in ("plain", "ansicpg", "deff", "mac", "pc", "pca"):
                self._group = self._group._replace(codec=self._fonts.codec())

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._starred = True
        elif sign in b"\r\n":
            self._flow.paragraph()
        elif sign in rtfcodes.SYMBOLS:
            self._flow.char(rtfcodes.SYMBOLS[sign], shown=not self._group.destination)
        elif sign != b"'":
            self._text(sign)

    def _text(self, data: bytes) -> None:
        kept = data[self._skipped :]
        self._skipped = max(0, self._skipped - len(data))
        if self._group.destination in rtfcodes.HEXADECIMAL:
            self._bytes += kept.translate(None, _NO_HEX)
        elif kept:
            self._flow.add(kept, self._group.codec, shown=not self._group.destination)

    def _embedded(self, destination: str) -> Iterator[Found]:
        """Yield what the bytes of a destination are."""
        data = bytes.fromhex(self._bytes[: len(self._bytes) // 2 * 2].decode())
        self._bytes.clear()
        if destination in ("objdata", "datastore"):
            try:
                members = list(packages.embedded(data))
            except struct.error:
                members = [Member("embedded", [data])]
            yield from members
        elif data:
            name = f"picture.{self._ending}" if destination == "pict" else destination
            yield Member(name, [blips.bitmap(data), data])
