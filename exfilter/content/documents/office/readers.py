"""What documents of office programs begin with."""

from __future__ import annotations

import re

from exfilter.content import parsed, sniff
from exfilter.content.content import Content
from exfilter.content.documents.office import part

_LOCAL = sniff.ZIP[0]
_FRONT = 1 << 12
_NAME = 30
"""Bytes of a local header in front of the name (APPNOTE.TXT, section 4.3.7)."""
_PARTS = re.compile(
    rb"\[Content_Types\]\.xml|(?:_rels|docProps|customXml|word|xl|ppt|visio)/|mimetype"
    rb"|META-INF/(?:manifest|container)\.xml|(?:content|styles)\.xml|OEBPS/|FixedDoc",
    re.IGNORECASE,
)
"""Names that parts of packages have (ECMA-376-2, ODF 1.3 part 2, EPUB OCF)."""
_SINGLE = {
    "document": "oasis:names:tc:opendocument",
    "package": "schemas.microsoft.com/office/2006/xmlPackage",
    "wordDocument": "schemas.microsoft.com/office/word/2003",
    "Workbook": "schemas-microsoft-com:office:spreadsheet",
}
"""Outermost elements of documents that are a single XML file, and what is in their namespace."""


def is_package(head: bytes) -> bool:
    """Whether a zip has parts of a package near its front, in whatever order. It need not be one."""
    place = 0 if head.startswith(sniff.ZIP) else -1
    while place >= 0 and (place := head.find(_LOCAL, place)) >= 0:
        if _PARTS.match(head, place + _NAME):
            return True
        place += len(_LOCAL)
    return False


def is_single(head: bytes) -> bool:
    """Whether an XML file is a document (flat ODF, flat OPC, the XML of Office 2003)."""
    text = part.text(head[:_FRONT])
    space = _SINGLE.get(part.root(text), "")
    return bool(space) and space in text


def _recognises_package(content: Content) -> bool:
    return is_package(content.stream.head())


def _recognises_single(content: Content) -> bool:
    return is_single(content.stream.head(_FRONT))


READERS = (parsed.reader("office", _recognises_package), parsed.reader("office xml", _recognises_single))
