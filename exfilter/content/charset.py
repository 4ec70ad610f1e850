"""Bytes to text, whatever the charset: blocks of text that are cut at line ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import charset_normalizer
import numpy as np

from exfilter.content import ebcdic, wide
from exfilter.content.normal import composed
from exfilter.content.stream import Stream

_SAMPLE = 1 << 16
_SEAM = 1 << 12
"""How far before the end of a block a place to cut is looked for."""
_FEW = 3
_TRAIL, _LEAD = 0x80, 0xC0
"""UTF-8: from here on bytes go on with a character, from there on they begin one."""
_STRAY = re.compile("[\udc80-\udcff]")
_LETTERS = frozenset(range(0xC0, 0xFE)) - {0xD7, 0xF7}
_LETTER = re.compile("[A-Za-z]")
_LIKELY = (
    *("cp1252", "cp1251", "cp932", "gb18030", "cp1250", "iso8859_2", "big5", "cp949", "euc_jp", "koi8_r"),
    *("cp1254", "cp1253", "cp1255", "cp1256", "cp1257", "cp874"),
    *("cp866", "iso8859_5", "mac_cyrillic", "cp850", "mac_roman"),
)
"""Charsets that text without a declaration is guessed to be in, the likelier first."""
_RIVALS = 2
_FOREIGN_WORDS = re.compile(
    rb"(?<![^\x00-\x26\x28-\x2c\x2e-\x40])[^\x00-\x26\x28-\x2c\x2e-\x40]*"
    rb"[\x80-\xff][^\x00-\x26\x28-\x2c\x2e-\x3f]*"
)
"""Words with bytes that are not ASCII: the rest of a table tells nothing and drowns them.

Each from its beginning, so that a long word without such bytes is gone through once."""
_NOT_CHARSETS = frozenset({"utf-8", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_ASCII = bytes(range(0x20, 0x7F))
_ASCII_ALL, _HIGH = bytes(range(0x80)), bytes(range(0x80, 0x100))
_MANY = 0.2
"""Share of bytes beyond ASCII from which on a wrong charset loses the text, not some letters."""
_JUDGED = 256
"""Bytes below which a language cannot be told."""


def texts(stream: Stream, decoder: Decoder, size: int) -> Iterator[str]:
    """Yield the text of a stream in blocks of about `size` bytes, in NFC, without overlap."""
    found = wide.charset(stream.head())
    blocks = map(composed, _wide(stream, *found, size)) if found else _narrow(stream, decoder, size)
    yield from filter(None, blocks)


def clean(text: str) -> str:
    """Return text that came as a string (a header, a URL) without surrogates, in NFC."""
    if text.isascii():
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "replace")
    return composed(Decoder("").decode(data))


class Decoder:
    """Decodes the blocks of one text. Each block that is UTF-8 is read as UTF-8, so that a wrong
    guess about the first bytes that are not ASCII does not spoil what follows.
    """  # noqa: D205

    def __init__(self, declared: str) -> None:
        """Begin with the sender's word for the charset, or an empty string."""
        self._declared = _codec(declared)
        self._other = ""
        self._coherent = True
        self._rivals: tuple[str, ...] = ()
        self.beside: list[tuple[str, str]] = []
        """Other readings of the blocks: by which charset, and the text. The caller takes them."""
        self.unknown = 0
        """Bytes whose charset nobody knows."""

    def decode(self, block: bytes) -> str:
        """Return the text of a block of bytes that ends between two characters."""
        try:
            return block.decode("utf-8")
        except UnicodeDecodeError as error:
            return self._not_unicode(block, error.start)

    def _not_unicode(self, block: bytes, first: int) -> str:
        text = self._narrow(block, first)
        self._others(block, text)
        return text

    def _narrow(self, block: bytes, first: int) -> str:
        good, bad = _sequences(block)
        if good >= bad:
            return _mend(block)
        if not self._other:
            few = bad <= _FEW and not self._declared
            self._other = "" if few else self._choose(block, first)
        return _decoded(block, self._other) if self._other else _mend(block)

    def _choose(self, block: bytes, first: int) -> str:
        """Return the charset of bytes that are not UTF-8: the declared one, else the likeliest.

        Only one that reads ASCII as ASCII: a false word of the sender must not hide what is there.
        """
        sample = block[max(0, first - 256) : first + _SAMPLE - 256]
        if self._declared and _keeps_ascii(self._declared) and _decodes(sample, self._declared):
            return self._declared
        guess, self._coherent, self._rivals = _guess(sample)
        if guess and _decodes(sample, guess):
            return guess
        return "cp1252" if _decodes(sample, "cp1252") else "latin-1"

    def _others(self, block: bytes, text: str) -> None:
        """Keep the readings beside the one that is taken: nothing written in ASCII is lost in them."""
        if block.translate(None, _HIGH) != text.encode("ascii", "ignore"):
            self.beside.append(("cp1252", _decoded(block, "cp1252")))
        self.beside += [(name, _decoded(block, name)) for name in self._rivals]
        mainframe = list(ebcdic.readings(block))
        self.beside += mainframe
        declared = self._declared
        known = (
            declared
            if declared and not _keeps_ascii(declared) and _reads(_decoded(block[:_SAMPLE], declared))
            else ""
        )
        if known and known not in ebcdic.CODECS:
            self.beside.append((known, _decoded(block, known)))
        if not (self._coherent or known or mainframe) and len(
            block.translate(None, _ASCII_ALL)
        ) > _MANY * len(block):
            self.unknown += len(block)


def _decoded(block: bytes, name: str) -> str:
    text = block.decode(name, "replace")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _keeps_ascii(name: str) -> bool:
    return _decodes(_ASCII, name) and _ASCII.decode(name, "replace") == _ASCII.decode()


def _reads(text: str) -> bool:
    """Whether characters look like those of a text."""
    shown = sum(char.isprintable() or char in "\t\r\n\f\x85" for char in text)
    words = sum(char.isalnum() or char.isspace() for char in text)
    return shown >= 0.95 * len(text) and words >= 0.6 * len(text) and text.count("\ufffd") < 0.05 * len(text)


def _sequences(block: bytes) -> tuple[int, int]:
    """Return how many characters of several bytes and how many stray bytes UTF-8 would find."""
    codes = np.frombuffer(block + b"   ", dtype=np.uint8)
    trail = (codes >= _TRAIL) & (codes < _LEAD)
    good = taken = 0
    for count, (low, high) in enumerate(((0xC2, 0xE0), (0xE0, 0xF0), (0xF0, 0xF5)), 1):
        whole = np.flatnonzero((codes >= low) & (codes < high))
        for step in range(1, count + 1):
            whole = whole[trail[whole + step]]
        good += len(whole)
        taken += len(whole) * (count + 1)
    return good, int((codes >= _TRAIL).sum()) - taken


def _mend(block: bytes) -> str:
    r"""Replace stray bytes: a Latin-1 letter beside a letter is one, anything else is U+FFFD.

    Files that were put together from two charsets are common (changelogs, tables): "M\xfcller"
    in the midst of UTF-8 stays a name, and a bad byte before an address stays a separator.
    """

    def letter(match: re.Match[str]) -> str:
        code = ord(match[0]) - 0xDC00
        around = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        return chr(code) if code in _LETTERS and _LETTER.search(around) else "\ufffd"

    text = block.decode("utf-8", "surrogateescape")
    return _STRAY.sub(letter, text)


def _codec(name: str) -> str:
    """Return Python's name of a charset, or an empty string: only text codecs count."""
    try:
        codec = codecs.lookup(name)
        text, length = codec.decode(b"")
    except (LookupError, ValueError, TypeError, UnicodeError):
        return ""
    return (
        codec.name
        if codec.name not in _NOT_CHARSETS and isinstance(text, str) and not length and _is_text(codec)
        else ""
    )


def _is_text(codec: codecs.CodecInfo) -> bool:
    return bool(getattr(codec, "_is_text_encoding", True))


def _guess(sample: bytes) -> tuple[str, bool, tuple[str, ...]]:
    """Return the likeliest charset that keeps ASCII, whether what it gives looks like a language, and
    the next ones: names are few words, and what they are written in is often not clear.
    """  # noqa: D205
    words = b"\n".join(_FOREIGN_WORDS.findall(sample))
    found = charset_normalizer.from_bytes(words, cp_isolation=list(_LIKELY), steps=5, chunk_size=512)
    named = sorted((match for match in found if match.encoding in _LIKELY), key=_rank)
    if not named:
        return "", False, ()
    best, *others = (match.encoding for match in named)
    rivals = [name for name in others if _decodes(sample, name)][:_RIVALS]
    return best, named[0].coherence > 0 or len(sample) < _JUDGED, tuple(rivals)


def _rank(match: charset_normalizer.CharsetMatch) -> tuple[float, float, int]:
    """Return what to prefer by: less noise, more of a language, and what is in wider use."""
    return round(match.chaos, 2), -round(match.coherence, 1), _LIKELY.index(match.encoding)


def _decodes(sample: bytes, name: str) -> bool:
    """Whether a sample that may end within a character decodes."""
    try:
        codecs.getincrementaldecoder(name)().decode(sample)
    except (LookupError, ValueError, TypeError):
        return False
    return True


def _wide(stream: Stream, name: str, mark: int, size: int) -> Iterator[str]:
    stream.take(mark)
    decoder = codecs.getincrementaldecoder(name)("replace")
    pending = ""
    for chunk in stream:
        pending += decoder.decode(chunk)
        while len(pending) >= size:
            cut = _cut_text(pending, size)
            yield pending[:cut]
            pending = pending[cut:]
    yield pending + decoder.decode(b"", final=True)


def _cut_text(text: str, size: int) -> int:
    for mark in "\n ,;\t":
        cut = text.rfind(mark, max(0, size - (size // 2 if mark == "\n" else _SEAM)), size) + 1
        if cut:
            return cut
    cut = size
    while cut > max(1, size - _SEAM) and cut < len(text) and not text[cut].isascii():
        cut -= 1
    return cut


def _narrow(stream: Stream, decoder: Decoder, size: int) -> Iterator[str]:
    if stream.head(3) == codecs.BOM_UTF8:
        stream.take(3)
    chunks, waiting = [b""], 0
    for chunk in stream:
        chunks.append(chunk)
        waiting += len(chunk)
        if waiting < size:
            continue
        data, start = b"".join(chunks), 0
        while len(data) - start >= size:
            cut = _cut_bytes(data, start, size)
            yield composed(decoder.decode(data[start:cut]))
            start = cut
        chunks, waiting = [data[start:]], len(data) - start
    yield composed(decoder.decode(b"".join(chunks)))


def _cut_bytes(data: bytes, start: int, size: int) -> int:
    """Return where to cut: after a byte that is never inside a character in any charset.

    Second bytes of GB18030 begin at 0x30, of all others at 0x40.
    """
    last = start + size
    for mark in (b"\n", b" ", b",", b'"', b"\t"):
        least = start + max(0, size - (size // 2 if mark == b"\n" else _SEAM))
        cut = data.rfind(mark, least, last) + 1
        if cut:
            return cut
    cut = last
    while cut > start + max(1, size - 3) and cut < len(data) and _TRAIL <= data[cut] < _LEAD:
        cut -= 1
    return cut
