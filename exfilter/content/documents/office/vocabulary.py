"""What the elements of documents mean, by their local names.

OOXML (ECMA-376), ODF (OASIS), their flat and their older XML forms, SVG and VML agree on most of them.
An element that is not listed is a field: what stands in it is a text of its own.
"""

from __future__ import annotations

from enum import Enum, auto


class Role(Enum):
    """What an element does to the text in it."""

    FIELD = auto()
    GLUE = auto()
    """Its text goes on with what stands before it: a run."""
    WORD = auto()
    """Glue in which alone white space counts, in OOXML."""
    LINE = auto()
    """A paragraph."""
    BREAK = auto()
    ROW = auto()
    CELL = auto()
    DELETED = auto()
    INSERTED = auto()
    INSTRUCTION = auto()
    """Of a field that is computed. It is written in pieces, like text."""
    LOOKS = auto()
    """Formatting, with all that is in it."""
    MEASURE = auto()
    """Holds a number that says where something is, or which."""
    HEADER = auto()
    """A header or footer of a sheet, with codes in it (ECMA-376-1, 18.3.1.46)."""
    BINARY = auto()
    """Base64."""
    CHANGED = auto()
    """A tracked change of ODF: it says what was deleted in one place ..."""
    REMOVED = auto()
    """... the text that was ..."""
    CHANGE = auto()
    """... and the other place, where it stood."""
    SHEET = auto()
    STRINGS = auto()


BREAKS = {
    "tab": "\t",
    "ptab": "\t",
    "s": " ",
    "br": "\n",
    "cr": "\n",
    "line-break": "\n",
    "noBreakHyphen": "-",
}
_NAMES = {
    Role.GLUE: "r hyperlink smartTag sdt sdtContent fldSimple customXml dir bdo Choice AlternateContent ruby "
    "rubyBase fld oMath oMathPara is span a ruby-base text:meta tspan textPath font b i u em strong sub sup "
    "bookmark-ref reference-ref sequence user-defined user-field-get variable-get database-display "
    "conditional-text placeholder text-input sender-firstname sender-lastname",
    Role.WORD: "t delText",
    Role.LINE: "p h si",
    Role.BREAK: " ".join(BREAKS),
    Role.ROW: "tr table-row Row",
    Role.CELL: "tc table-cell covered-table-cell Cell",
    Role.DELETED: "del moveFrom",
    Role.INSERTED: "ins moveTo",
    Role.INSTRUCTION: "instrText delInstrText",
    Role.LOOKS: "rPr pPr tblPr tblPrEx trPr tcPr sectPr tblGrid lstStyle bodyPr spPr style styles styleSheet "
    "theme fonts numbering tblStyleLst clrMap sheetViews sheetFormatPr cols pageMargins pageSetup "
    "printOptions Types font-face-decls automatic-styles compat rsids mathPr shapeDefaults latentStyles "
    "webSettings StyleSheets FaceNames Colors Styles",
    Role.MEASURE: "posOffset colOff rowOff col row pctWidth pctHeight pctPosHOffset pctPosVOffset Anchor "
    "config-item creationId modId rowId colId axId crossAx sldId sldMasterId sldLayoutId rsid rsidRoot",
    Role.HEADER: "oddHeader oddFooter evenHeader evenFooter firstHeader firstFooter",
    Role.BINARY: "binary-data binaryData binData",
    Role.CHANGED: "changed-region",
    Role.REMOVED: "deletion",
    Role.CHANGE: "change",
    Role.SHEET: "sheetData",
    Role.STRINGS: "sst",
}
ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
OFFICE = ("openxmlformats.org", "purl.oclc.org/ooxml", "schemas.microsoft.com", "schemas-microsoft-com")
"""Parts of the namespaces in which white space between elements is none of the text."""
MIXED = ("oasis:names:tc:opendocument", "www.w3.org/2000/svg")
"""Parts of the others whose names are meant here."""
FOREIGN = frozenset({Role.GLUE, Role.WORD, Role.BREAK, Role.MEASURE})
"""Roles that names do not have in a vocabulary that is not known: there, every element is a field."""


def role(name: str, *, known: bool) -> Role:
    """Return the role of an element by its name as it is written."""
    found = ROLES.get(name) or ROLES.get(local(name), Role.FIELD)
    return found if known or found not in FOREIGN else Role.FIELD


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]
