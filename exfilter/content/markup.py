"""HTML and XML as two texts: what is read, and what is not seen (attributes, comments, scripts)."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from exfilter.content.block import Block
from exfilter.model import Int64Array, Reason

_TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)((?:\s[^<>]*|/?))>")
_ANY = re.compile(r"<(?:(/?[A-Za-z_][\w:.-]*)(?:\s([^<>]*)|/?)|([!?][^<>]*))>")
_BEGIN = re.compile(r"\s*<(?:!doctype|!--|!\[|\?xml|[A-Za-z_][\w:.-]*(?:\s[^<>]*|/?)>)", re.IGNORECASE)
_KNOWN = re.compile(
    r"<(?:!doctype\s+html|html|head|body|div|p|span|table|t[rdh]|[uo]l|li|br|a|b|i|h[1-6]|font|form|script|style)"
    r"(?=[\s/>])",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"</(?:html|body|div|p|span|table|t[rdh]|[uo]l|li|a|b|i|h[1-6]|font|form|strong|em)>", re.IGNORECASE
)
_XML = re.compile(r"\s*<\?xml", re.IGNORECASE)
_HTML_ROOT = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_ENTITY = re.compile(
    r"""<!ENTITY\b(?:\s{1,99}([\w:.-]{1,80})\s{1,99}(?:"([^"<>%]{0,1024})"|'([^'<>%]{0,1024})')\s{0,99}>)?""",
    re.IGNORECASE,
)
_NESTED = re.compile(r"&(?!#)")
_REFERENCE = re.compile(r"&([\w:.-]{1,80});")
_GROWTH = 4
"""Characters that entities may put in the place of one, over a block."""
_CARRY = 1 << 16
"""Characters of a tag that is cut by the end of a block."""
_HIDING = re.compile(r"<(/?)(script|style)(?=[\s/>])[^<>]*>", re.IGNORECASE)
_RECORD = "\x1e"
"""Stands where a record begins until its offset is known."""
_GLUE = frozenset(
    "b i em strong span u a font wbr s strike big small mark sub sup ins del abbr bdi bdo tt".split()
)
_LINE = frozenset(
    "tr li p div br hr table ul ol dl dt dd h1 h2 h3 h4 h5 h6 section article header footer main nav aside "
    "address blockquote pre figure figcaption fieldset form legend option select textarea title head body "
    "html caption thead tbody tfoot details summary".split()
)
_KEPT = 10_000
"""Tag names that are remembered."""
_DEPTH = 16
_NAMES = 1000
_ATTRIBUTE = re.compile(r"([\w:.-]{1,80})\s{0,8}=")
_CDATA = "![CDATA["
_PAIR = frozenset(("value", "Value", "VALUE", "val"))
"""An element with this attribute is a name with its value, and no record."""
_FIRST = 1 << 18
"""Characters of an XML text in which a repeated element is looked for."""


def recognises(sample: str) -> bool:
    """Whether text begins like markup, or holds closing tags of HTML."""
    if _BEGIN.match(sample):
        return "</" in sample or "/>" in sample or bool(_KNOWN.search(sample) or _XML.match(sample))
    return "</" in sample and bool(_CLOSING.search(sample))


def read(blocks: Iterator[str]) -> Iterator[Block | Reason]:
    """Yield the content, then the attributes, of each block.

    Of the entities that a document declares, those are put in their places that stand for a short text.
    Others, that refer to further ones or to a file, are read in their declaration, and it is reported
    that they were not expanded.
    """
    walk: Walk | None = None
    carry = ""
    entities = Entities()
    for block in blocks:
        text = carry + block
        open_tag = text.rfind("<")
        cut = len(text) if text.rfind(">") > open_tag or len(text) - open_tag > _CARRY else open_tag
        text, carry = text[:cut], text[cut:]
        walk = walk or Walk(text[:_FIRST] or carry)
        yield from walk.blocks(entities.expanded(text))
    if carry:
        walk = walk or Walk(carry)
        yield from walk.blocks(entities.expanded(carry))
    if walk:
        yield from walk.rest()
    if entities.left:
        yield Reason.MALFORMED


class Entities:
    """The entities that a document declares for itself (XML 1.0, section 4.2)."""

    def __init__(self) -> None:
        """Begin with none."""
        self._texts: dict[str, str] = {}
        self.left = False
        """There are some that were not expanded."""

    def expanded(self, text: str) -> str:
        """Return a block of a document with them in their places, as far as they are plain and few."""
        if "<!" in text:
            for name, double, single in _ENTITY.findall(text):
                value = double or single
                plain = bool(name) and not _NESTED.search(value) and len(self._texts) < _NAMES
                self.left = self.left or not plain
                if plain:
                    self._texts.setdefault(name, value)
        if not self._texts or "&" not in text:
            return text
        room = _GROWTH * len(text) + _CARRY

        def become(reference: re.Match[str]) -> str:
            nonlocal room
            value = self._texts.get(reference[1], reference[0])
            room -= len(value)
            self.left = self.left or room < 0
            return value if room >= 0 else reference[0]

        return _REFERENCE.sub(become, text)


class Separators(dict[str, str]):
    """What each tag becomes, by its name as it is written, with the slash of a closing one."""

    def __init__(self, element: str, *, is_html: bool) -> None:
        """Begin records at `element`."""
        super().__init__()
        self._element = element
        self._html = is_html

    def __missing__(self, tag: str) -> str:
        """Work it out once."""
        name = tag.lower() if self._html else tag
        bare = name.lstrip("/")
        plain = "" if bare in _GLUE else "\n" if bare in _LINE else "\t"
        begins = name == self._element or (self._html and name == "/table")
        separator = _RECORD if begins else plain if self._html else "\t"
        if len(self) < _KEPT:
            self[tag] = separator
        return separator


class Walk:
    """Goes through a markup text, block by block, with patterns that are linear."""

    def __init__(self, sample: str) -> None:
        """Look at the first characters: is it HTML, or XML, and which element repeats."""
        xml = _XML.match(sample) or not _KNOWN.search(sample)
        self._html = not xml or bool(_HTML_ROOT.search(sample[:2000]))
        element = "tr" if self._html else repeated(sample)
        self._separators = Separators(element, is_html=self._html)
        self._together = not self._html and bool(element)
        """The attributes of a record go to its end: there is nothing else that they belong to."""
        self._held: list[str] = []
        self._begun = False
        self._hidden = ""
        self._any = False

    def blocks(self, text: str) -> Iterator[Block]:
        """Yield the two texts of a block."""
        unseen: list[str] = []

        def become(tag: re.Match[str]) -> str:
            name, attributes, special = tag.groups()
            if name is None:
                if special.startswith(_CDATA):
                    return str(special[len(_CDATA) :]).removesuffix("]]")
                unseen.append(special)
                return ""
            separator = self._separators[name]
            if separator == _RECORD:
                unseen.append(_RECORD)
                separator = self._ended() + _RECORD
                self._begun = True
            if attributes and "=" in attributes:
                (self._held if self._together and self._begun else unseen).append(attributes)
            return separator

        visible, hidden = self._split(text)
        seen = _ANY.sub(become, visible)
        self._any = self._any or _RECORD in seen
        yield self._block("", seen)
        yield self._block("attributes", "\n".join([*unseen, *hidden, ""]) if unseen or hidden else "")

    def rest(self) -> Iterator[Block]:
        """Yield what was kept for the end of the last record."""
        if self._held:
            yield self._block("", self._ended())

    def _ended(self) -> str:
        """Return the attributes of the record that has ended."""
        held = "\t".join(self._held)
        self._held.clear()
        return f"{held}\t" if held else ""

    def _split(self, text: str) -> tuple[str, list[str]]:
        """Take the contents of scripts and styles out of a text."""
        seen: list[str] = []
        hidden: list[str] = []
        end = 0
        for tag in _HIDING.finditer(text) if self._html else ():
            name = tag[2].lower()
            if self._hidden and tag[1] and name == self._hidden:
                hidden.append(text[end : tag.start()])
                end, self._hidden = tag.start(), ""
            elif not self._hidden and not tag[1] and not tag[0].endswith("/>"):
                seen.append(text[end : tag.end()])
                end, self._hidden = tag.end(), name
        (hidden if self._hidden else seen).append(text[end:])
        return "".join(seen), hidden

    def _block(self, channel: str, text: str) -> Block:
        plain = html.unescape(text) if "&" in text else text
        marks: Int64Array | None = None
        if self._any:
            codes = np.frombuffer(plain.encode("latin-1", "replace"), dtype=np.uint8)
            marks = np.flatnonzero(codes == ord(_RECORD))
        return Block(channel, plain.replace(_RECORD, "\n"), marks)


def repeated(sample: str) -> str:
    """Return the element whose occurrences are the records, or nothing.

    It occurs more than once below the root, has several parts (``<field name="a"><value>`` is one of the
    parts of something), and takes up most of the text: of the outermost one, all others are parts.
    """
    tally = Tally()
    for tag in _TAG.finditer(sample):
        tally.add(tag)
    return tally.chosen(len(sample))


class Tally:
    """Counts the elements of a document, by depth and name."""

    def __init__(self) -> None:
        """Begin outside of the root."""
        self._open: list[tuple[tuple[int, str], int]] = []
        self._times: Counter[tuple[int, str]] = Counter()
        self._children: Counter[tuple[int, str]] = Counter()
        self._attributes: Counter[tuple[int, str]] = Counter()
        self._size: Counter[tuple[int, str]] = Counter()

    def add(self, tag: re.Match[str]) -> None:
        """Count a tag."""
        closing, name, attributes = tag.groups()
        if closing:
            if self._open:
                place, start = self._open.pop()
                self._size[place] += tag.end() - start
            return
        place = (len(self._open), name)
        if self._open:
            self._children[self._open[-1][0]] += 1
        if place in self._times or len(self._times) < _NAMES:
            self._times[place] += 1
            names = _ATTRIBUTE.findall(attributes) if "=" in attributes else ()
            self._attributes[place] += 0 if _PAIR.intersection(names) else len(names)
        if attributes.endswith("/"):
            self._size[place] += len(tag[0])
        else:
            self._open.append((place, tag.start()))

    def chosen(self, end: int) -> str:
        """Return the element of the records."""
        for place, start in self._open:
            self._size[place] += end - start
        often = [
            place
            for place, times in self._times.items()
            if 0 < place[0] < _DEPTH and 1 < times < max(self._children[place], self._attributes[place])
        ]
        most = max((self._size[place] for place in often), default=0)
        large = [place for place in often if 2 * self._size[place] >= most]
        return min(large, key=lambda place: (place[0], -self._times[place]))[1] if large else ""
