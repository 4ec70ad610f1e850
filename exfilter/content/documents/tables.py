"""Databases, files of columns and Outlook attachments, by signature. Their parsers have their own modules."""

from __future__ import annotations

from collections.abc import Callable

from exfilter.content import parsed, sniff
from exfilter.content.content import Content, Reader

_STREAM = b"\xff\xff\xff\xff"
"""How a message of an Arrow stream begins, in front of the length of its header."""
_HEADER = 1 << 20


def _signed(name: str) -> Callable[[Content], bool]:
    return lambda content: sniff.signature(content.stream.head()) == name


def _is_arrow(content: Content) -> bool:
    head = content.stream.head()
    length = int.from_bytes(head[4:8], "little")
    stream = head.startswith(_STREAM) and 0 < length <= _HEADER and length % 8 == 0
    return stream or sniff.signature(head) == "arrow"


READERS: tuple[Reader, ...] = (
    parsed.reader("sqlite", _signed("sqlite")),
    parsed.reader("parquet", _signed("parquet")),
    parsed.reader("arrow", _is_arrow),
    parsed.reader("orc", _signed("orc")),
    parsed.reader("avro", _signed("avro")),
    parsed.reader("tnef", _signed("tnef")),
)
