"""What is written in attributes and may be read: names, tips, titles, targets; not how a document looks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from exfilter.content.documents.office.vocabulary import ROLES, Role, local

_PLACES = frozenset(
    "id Id N ID x y x1 x2 y1 y2 cx cy l t r b w h rot off ext d points path transform viewBox adj coordsize "
    "coordorigin coords strokeweight panose sig pos paraId textId paraIdParent durableId anchorId editId "
    "rsidR rsidRDefault rsidP rsidRPr rsidTr rsidSect rsidDel rsidRoot spid uid rupBuild effectExtent distT "
    "distB distL distR relativeHeight spidmax idx marL marR indent ang Data Points Indices "
    "RenderTransform OriginX OriginY".split()
)
"""Attributes that say where or which: numbers that are not of people."""
_LOOKS = frozenset(
    "style class type lang language country script family font-name ascii hAnsi cs eastAsia typeface charset "
    "color fill stroke display-name formatCode numFmt".split()
)
_TOLD = frozenset({"value", "string-value"})
"""Of a cell of ODF: the row tells them."""
_TRIVIAL = re.compile(
    r"\{?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?"  # GUID
    r"|\d{4}-\d\d-\d\d(?:T[\d:.+Z-]*)?"
    r"|-?\d{0,9}\.\d{5,}(?:[eE]-?\d+)?"
    r"|-?[\d.]{1,5}[a-z%]{0,2}"
    r"|.?"
    r"|(?:https?://(?:schemas|www\.w3|purl|ns)\.[^@\s]*|urn:[a-z][^@\s]*|application/[^@\s]*)"
)
_ANCHOR = re.compile(r"@|\d(?:[ ()./+-]{0,3}\d){6}")
_FIGURES = re.compile(r"[-0-9A-Fa-f., ]*[a-z%]{0,2}")
"""Measures, colours and the like."""
_CONTENT, _FORMAT, _PLACE = range(3)
_SHORT = 200
_KEPT = 10_000


class Attributes:
    """Chooses the values of one document that are read, each combination once."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: set[tuple[object, ...]] = set()
        self._sorts: dict[tuple[str, str], int] = {}

    def told(self, element: str, attributes: Mapping[str, str], *, known: bool, looks: bool) -> str:
        """Return the values worth reading, apart by tabs; or an empty string.

        `known`: the vocabulary is one of an office; `looks`: the element says how something looks.
        """
        values = attributes.values()
        signature = (element, known, looks, *values)
        if signature in self._seen:
            return ""
        if len(self._seen) < _KEPT and sum(map(len, values)) < _SHORT:
            self._seen.add(signature)
        return "\t".join(
            value
            for key, value in attributes.items()
            if not _TRIVIAL.fullmatch(value) and (not known or self._tells(element, key, value, looks=looks))
        )

    def _tells(self, element: str, key: str, value: str, *, looks: bool) -> bool:
        sort = self._sorts.get((element, key))
        if sort is None:
            sort = _sort(local(element), local(key))
            if len(self._sorts) < _KEPT:
                self._sorts[element, key] = sort
        if sort == _PLACE:
            return "@" in value
        if looks or sort == _FORMAT:
            return bool(_ANCHOR.search(value)) and not _FIGURES.fullmatch(value)
        return True


def _sort(element: str, key: str) -> int:
    role = ROLES.get(element)
    if role is Role.MEASURE or key in _PLACES or (role is Role.CELL and key in _TOLD):
        return _PLACE
    return _FORMAT if key in _LOOKS or key.endswith("style-name") else _CONTENT
