"""Words of RTF that say in which code page text is, where it belongs, and what a sign stands for."""

from __future__ import annotations

import codecs

_CHARSETS = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}
_PAGES = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
HEXADECIMAL = frozenset("pict objdata themedata datastore colorschememapping fontfile".split())
"""Destinations that are bytes."""
SHOWN = frozenset(
    "header headerl headerr headerf footer footerl footerr footerf footnote annotation shptxt dptxbxtext"
    " fldrslt result shprslt listtext pntext".split()
)
"""Destinations whose text is shown on a page, also inside others that are not."""
ASIDE = frozenset(
    "info title subject author manager company operator category keywords comment doccomm hlinkbase creatim"
    " revtim printim buptim generator template userprops propname staticval linkval docvar private fonttbl"
    " colortbl stylesheet latentstyles listtable listoverridetable leveltext levelnumbers pntxta pntxtb"
    " revtbl rsidtbl filetbl xmlnstbl xmlattrname xmlattrvalue bkmkstart bkmkend xe tc txe rxe fldinst"
    " datafield ffname ffdeftext ffentrymcr ffexitmcr ffhelptext ffstattext ffformat ffl atnauthor atnid"
    " atndate atnref objclass objname nextfile file falt panose sn sv".split()
)
"""Destinations that have no mark before their name and are not shown."""
BREAKS = frozenset("par line sect page column softline softpage softcol lbr".split())
SIGNS = {
    "tab": "\t",
    "emdash": "\u2014",
    "endash": "\u2013",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "bullet": "\u2022",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
}
SYMBOLS = {b"~": " ", b"_": "-", b"-": "", b"\t": "\t"}
"""Signs behind a backslash. Those that stand for themselves are not here."""


class Fonts:
    """The code page of each font."""

    def __init__(self) -> None:
        """Begin with Windows-1252 for all."""
        self.page = "cp1252"
        """Of the document."""
        self._fonts: dict[int, str] = {}
        self._current = self._default = 0

    def word(self, name: str, number: int) -> None:
        """Take a word of the head, or of the table of fonts."""
        if name in _PAGES:
            self.page = _PAGES[name]
        elif name == "ansicpg":
            self.page = _page(number) or self.page
        elif name == "deff":
            self._default = number
        elif name == "f":
            self._current = number
        elif name == "fcharset":
            self._fonts[self._current] = _CHARSETS.get(number, "")
        elif name == "cpg":
            self._fonts[self._current] = _page(number)

    def codec(self, font: int = -1) -> str:
        """Return the code page of a font, or of the one that text has which names none."""
        return self._fonts.get(self._default if font < 0 else font, "") or self.page


def _page(number: int) -> str:
    name = {65001: "utf-8", 10000: "mac_roman"}.get(number, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
