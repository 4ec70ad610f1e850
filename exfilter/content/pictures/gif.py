"""GIF: comments, plain text and XMP (GIF89a, sections 24 to 26; XMP part 3, section 1.1.2)."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content.pictures.carried import Carried, Excess, pieces

_HEADER, _DESCRIPTOR = 13, 10
_EXTENSION, _IMAGE = 0x21, 0x2C
_COMMENT, _PLAIN, _APPLICATION = 0xFE, 0x01, 0xFF
_XMP = b"XMP DataXMP"


def walk(data: memoryview) -> Iterator[Carried | Excess]:
    """Yield the texts. See ``carried.Walk``."""
    at = _HEADER + _table(data, _HEADER - 3)
    while at + 1 < len(data):
        start = at
        if data[at] == _EXTENSION:
            blocks, at = _blocks(data, at + 2)
            yield from _extension(data[start + 1], blocks, data[start + 3 + len(_XMP) : at])
        elif data[at] == _IMAGE:
            at += _DESCRIPTOR + _table(data, at + _DESCRIPTOR - 1) + 1
            _, at = _blocks(data, at)
        else:
            return


def _extension(label: int, blocks: list[memoryview], whole: memoryview) -> Iterator[Carried]:
    """Yield the text of an extension. `whole`: what stands behind the name of an application."""
    if label in (_COMMENT, _PLAIN):
        text = blocks if label == _COMMENT else blocks[1:]
        yield Carried("comment" if label == _COMMENT else "text", map(bytes, text))
    elif label == _APPLICATION and blocks and bytes(blocks[0]) == _XMP:
        yield Carried("XMP", pieces(whole[:-257]))  # it stands there as it is; what follows leads out of it


def _table(data: memoryview, at: int) -> int:
    """Return the bytes of the colours that the flags at a place promise."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: memoryview, at: int) -> tuple[list[memoryview], int]:
    """Return the blocks that begin at a place, up to the empty one, and what follows that."""
    blocks = []
    while at < len(data) and data[at]:
        blocks.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return blocks, at + 1
