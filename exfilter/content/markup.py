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
_ENTITY = re.compile(r"<!ENTITY\b", re.IGNORECASE)
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
_DEPTH = 8
_NAMES = 1000
_FIRST = 1 << 18
"""Characters of an XML text in which a repeated element is looked for."""


def recognises(sample: str) -> bool:
    """Whether text begins like markup, or holds closing tags of HTML."""
    if _BEGIN.match(sample):
        return "</" in sample or "/>" in sample or bool(_KNOWN.search(sample) or _XML.match(sample))
    return "</" in sample and bool(_CLOSING.search(sample))


def read(blocks: Iterator[str]) -> Iterator[Block | Reason]:
    """Yield the content, then the attributes, of each block.

    Entities that a document declares are never expanded: what they would stand for is read in
    the declaration, that they were not put in their places is reported.
    """
    walk: Walk | None = None
    carry = ""
    declared = False
    for block in blocks:
        text = carry + block
        open_tag = text.rfind("<")
        cut = len(text) if text.rfind(">") > open_tag or len(text) - open_tag > _CARRY else open_tag
        text, carry = text[:cut], text[cut:]
        walk = walk or Walk(text[:_FIRST] or carry)
        declared = declared or bool(_ENTITY.search(text))
        yield from walk.blocks(text)
    if carry:
        yield from (walk or Walk(carry)).blocks(carry)
    if declared:
        yield Reason.MALFORMED


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
        self._separators = Separators("tr" if self._html else repeated(sample), is_html=self._html)
        self._hidden = ""
        self._any = False

    def blocks(self, text: str) -> Iterator[Block]:
        """Yield the two texts of a block."""
        unseen: list[str] = []

        def become(tag: re.Match[str]) -> str:
            name, attributes, special = tag.groups()
            if name is None:
                unseen.append(special)
                return ""
            separator = self._separators[name]
            if separator == _RECORD:
                unseen.append(_RECORD)
            if attributes and "=" in attributes:
                unseen.append(attributes)
            return separator

        visible, hidden = self._split(text)
        seen = _ANY.sub(become, visible)
        self._any = self._any or _RECORD in seen
        yield self._block("", seen)
        yield self._block("attributes", "\n".join([*unseen, *hidden, ""]) if unseen or hidden else "")

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
    """Return the outermost element below the root that occurs more than once, or nothing."""
    counts: Counter[tuple[int, str]] = Counter()
    depth = 0
    for tag in _TAG.finditer(sample):
        closing, name, attributes = tag.groups()
        if closing:
            depth = max(0, depth - 1)
            continue
        if 0 < depth < _DEPTH and len(counts) < _NAMES:
            counts[depth, name] += 1
        depth += not attributes.endswith("/")
    often = [place for place, times in counts.items() if times > 1]
    return min(often, key=lambda place: (place[0], -counts[place]))[1] if often else ""
