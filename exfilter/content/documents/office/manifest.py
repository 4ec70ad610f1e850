"""What a manifest says of encrypted members (ODF 1.3 part 2, section 4.8; EPUB OCF 3.3, section 4.2.6.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote
from xml.parsers import expat

from exfilter.content.documents.office.vocabulary import local

ROOTS = frozenset({"manifest", "encryption"})
Lock = Mapping[str, str]
"""The attributes under ``encryption-data``, without prefixes; sizes of keys with the element before them."""
_SIZE = "key-size"


def locks(chunks: Iterable[bytes]) -> dict[str, Lock]:
    """Return how members are encrypted by their names, as far as the manifest can be read."""
    found: dict[str, dict[str, str]] = {}
    entry = ""

    def start(name: str, given: Mapping[str, str]) -> None:
        nonlocal entry
        attributes = {local(key): value for key, value in given.items()}
        element = local(name)
        if element == "file-entry":
            entry = attributes.get("full-path", "")
        elif element == "encryption-data":
            found[entry] = attributes
        elif element == "CipherReference":
            found[unquote(attributes.get("URI", ""))] = {}
        elif entry in found:
            size = attributes.pop(_SIZE, "")
            found[entry].update(attributes, **{f"{element} {_SIZE}": size})

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        for chunk in chunks:
            parser.Parse(chunk)
    except expat.ExpatError:  # reported where the part is read
        pass
    return dict(found)
