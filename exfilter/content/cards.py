"""Cards, calendars and directories: vCard (RFC 6350 and 2.1), iCalendar (RFC 5545), LDIF (RFC 2849).

Folded lines are joined, and what is written in quoted-printable, base64 or with backslashes stands in
its place. A record is a card, an event or an entry.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

import numpy as np

from exfilter.content.block import Block
from exfilter.content.charset import Decoder

_BEGIN = re.compile(
    r"\s*(?:#[^\n]*\n\s*){0,50}"
    r"(?:BEGIN:(?:VCARD|VCALENDAR|VEVENT|VTODO|VJOURNAL)[ \t]*[\r\n]"
    r"|version: 1\r?\n|dn::? ?\S[^\r\n]*\r?\n\S)",
    re.IGNORECASE,
)
_RECORD = re.compile(
    r"^(?:BEGIN:(?:VCARD|VCALENDAR|VEVENT|VTODO|VJOURNAL|VFREEBUSY)|dn::? )", re.IGNORECASE | re.MULTILINE
)
_FOLD = re.compile(r"\r?\n[ \t]")
_QUOTED = re.compile(
    r"^([^:\r\n]{0,200};(?:ENCODING=)?QUOTED-PRINTABLE[^:\r\n]{0,200}:)"
    r"((?:[^\r\n]*(?:=\r?\n|\r?\n[ \t]))*[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_FOLD_QUOTED = re.compile(r"(?<![=\r])\r?\n[ \t]|(?<!=)\r\n[ \t]")
"""A fold behind an equals sign is a soft line break, and the blank behind it belongs to the value."""
_CHARSET = re.compile(r";CHARSET=\"?([\w.:-]{1,40})", re.IGNORECASE)
_ENTRY = re.compile(r"^([\w;.-]{1,100})::[ ]?([A-Za-z0-9+/]{2,}={0,2})[ \t]*\r?$", re.MULTILINE)
_SIGN = re.compile(r"\\([nN,;:\\])")
_LONGEST = 1 << 20
"""Characters of a line, with those folded into it, that wait for its end."""


def recognises(sample: str) -> bool:
    """Whether text begins like a card, a calendar or an entry of a directory."""
    return bool(_BEGIN.match(sample))


def read(blocks: Iterator[str]) -> Iterator[Block]:
    """Yield whole lines, unfolded and in plain text, with their records."""
    carry = ""
    for block in blocks:
        text = carry + block
        cut = _last_line(text)
        if len(text) - cut > _LONGEST:
            cut = len(text)
        carry = text[cut:]
        if cut:
            yield _block(text[:cut])
    if carry:
        yield _block(carry)


def _last_line(text: str) -> int:
    """Return where the last line begins that may go on in the next block."""
    end = text.rfind("\n", 0, len(text) - 1)
    while end >= 0 and (text[end + 1] in " \t" or text.endswith(("=", "=\r"), max(0, end - 2), end)):
        end = text.rfind("\n", 0, end)
    return end + 1


def _block(text: str) -> Block:
    plain = _FOLD.sub("", _QUOTED.sub(_unquoted, text))
    plain = _SIGN.sub(_meant, _ENTRY.sub(_decoded, plain))
    return Block("", plain, np.array([found.start() for found in _RECORD.finditer(plain)], dtype=np.int64))


def _unquoted(found: re.Match[str]) -> str:
    declared = _CHARSET.search(found[1])
    data = binascii.a2b_qp(_FOLD_QUOTED.sub("", found[2]).encode("utf-8", "replace"))
    return found[1] + _line(Decoder(declared[1] if declared else "").decode(data))


def _decoded(found: re.Match[str]) -> str:
    """Return an entry with its value in plain text, if it is text."""
    try:
        value = base64.b64decode(found[2]).decode()
    except ValueError:
        return found[0]
    return f"{found[1]}: {_line(value)}" if value.isprintable() else found[0]


def _line(value: str) -> str:
    """Return a value in one line: none of its lines begins a record."""
    return " ".join(value.splitlines())


def _meant(found: re.Match[str]) -> str:
    return " " if found[1] in "nN" else found[1]
