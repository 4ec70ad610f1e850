"""Where the parsers are: name -> module and function. The zygote imports them, nobody else."""

from __future__ import annotations

from typing import NamedTuple

MIB = 1 << 20


class Bounds(NamedTuple):
    """What a parser may use for one content."""

    memory: int
    """Bytes, beside what its process has when it is forked."""
    seconds: int
    """Of CPU."""


PARSERS: dict[str, str] = {
    "zip": "exfilter.content.archives.zips:parse",
    **dict.fromkeys(
        ("7z", "rar", "cpio", "ar", "iso", "cab", "xar", "rpm", "lha", "compress"),
        "exfilter.content.archives.others:parse",
    ),
    "ole office": "exfilter.content.documents.oxide:texts",
    "ole streams": "exfilter.content.documents.olestreams:streams",
    "ole texts": "exfilter.content.documents.oletexts:texts",
    "pdf objects": "exfilter.content.documents.pdfobjects:objects",
    "pdf pages": "exfilter.content.documents.pdfpages:pages",
    "pdf texts": "exfilter.content.documents.pdfreader:texts",
    "office": "exfilter.content.documents.office.package:parse",
    "office xml": "exfilter.content.documents.office.package:single",
    "rtf": "exfilter.content.documents.rtf:parse",
    "mail": "exfilter.content.documents.mail:parse",
    "sqlite": "exfilter.content.documents.sqlite:parse",
    "parquet": "exfilter.content.documents.columns:parquet",
    "arrow": "exfilter.content.documents.columns:arrow",
    "orc": "exfilter.content.documents.columns:orcs",
    "avro": "exfilter.content.documents.avro:parse",
    "tnef": "exfilter.content.documents.tnef:parse",
    "plist": "exfilter.content.wire.plists:parse",
    "ocr": "exfilter.content.pictures.ocr:parse",
    "pickle": "exfilter.content.wire.pickles:parse",
}
TOGETHER: dict[str, tuple[str, ...]] = {
    "ole": ("ole texts", "ole streams"),
    "pdf": ("pdf pages", "pdf objects"),
}
"""Parsers that read the same content, one after the other, under one name."""
INSTEAD: dict[str, str] = {"ole texts": "ole office", "pdf pages": "pdf texts"}
"""Which parser reads a content in the place of one that fails or finds nothing."""
USUAL = Bounds(144 * MIB, 30)
BOUNDS: dict[str, Bounds] = {"ocr": Bounds(1280 * MIB, 300)}
"""Those of other parsers. For other bounds there is another zygote."""
