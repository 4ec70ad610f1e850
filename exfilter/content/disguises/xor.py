"""Bytes that were changed all in the same way: each one combined with one key by exclusive or."""

from __future__ import annotations

import codecs
import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exfilter.content import jsontext, sniff, text
from exfilter.content.binary import Strings
from exfilter.content.budget import Budget, Item
from exfilter.content.content import Content, Open, Reader
from exfilter.content.disguises.rotated import USUAL
from exfilter.content.escapes import emitted
from exfilter.content.stream import Stream
from exfilter.model import Part, Reason

_LOOK, _SAMPLE = 1 << 9, 1 << 11
"""Bytes that show plain text, and bytes that are counted."""
_LEAST = 48
"""Bytes that tell."""
_MARKS = b"\t\n\r ,.;:@\"'()<>|"
_WORDS = bytes([*range(0x61, 0x7B), *range(0x30, 0x3A)])
_NO_LETTERS = bytes(set(range(256)) - set(range(0x61, 0x7B)))
_USUAL = bytes([*_MARKS, *_WORDS, *range(0x41, 0x5B), *b"+-_/{}[]=&?!%#*$"])
_SHOWN = bytes([*b"\t\n\f\r", *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What text is made of, as it stands. With a key, its line ends are something else."""
_FEW = 200
"""One byte in so many may be something else in what a key makes text."""
_MOST_USUAL, _MARKED, _WORDED = 0.95, 0.06, 0.4
"""Shares of a text: usual characters, marks between words, small letters and figures."""
_GOOD, _SEVERAL = 3.4, 4
"""How much the bytes of a text speak for their key at least, each; and keys that are tried."""
_TABLES = [bytes(byte ^ key for byte in range(256)) for key in range(256)]
_MAGICS = [item.magic for item in sniff.SIGNATURES if len(item.magic) > 3 and not item.offset]
_MAGICS += [sniff.GZIP, sniff.ZSTD, sniff.XZ, b"%PDF-1."]


def key(head: bytes) -> int:
    """Return the key that makes bytes text, or something that can be opened; 0 where there is none."""
    sample = head[:_SAMPLE]
    if len(sample) < _LEAST or not sample.strip(sample[:1]):
        return 0
    shown = not sample.translate(None, _SHOWN)
    if _plain(sample[:_LOOK]) or (shown and _means(sample)):
        return 0
    for magic in _MAGICS:
        found = sample[0] ^ magic[0]
        if found and sample.startswith(magic.translate(_TABLES[found])):
            return found
    counts = np.bincount(np.frombuffer(sample, dtype=np.uint8), minlength=256)
    scores = _likely() @ counts / len(sample)
    for likely in np.argsort(-scores)[:_SEVERAL].tolist():
        if not likely or scores[likely] < _GOOD:
            return 0
        plain = sample.translate(_TABLES[likely])
        if _plain(plain) and _FEW * len(plain.translate(None, _SHOWN)) <= len(plain):
            return int(likely)
    return 0


@functools.cache
def _likely() -> npt.NDArray[np.float64]:
    """Return how much each byte speaks for each key, [key, byte]."""
    weights = np.full(256, -2.0)
    weights[:0x20] = -8
    weights[0x20:0x7F] = 0.3
    weights[[*b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", *b"@:;-"]] = 1
    weights[[*b"0123456789", *b'\n,."']] = 2.5
    weights[ord("a") : ord("z") + 1] = USUAL
    weights[ord(" ")] = 8
    keys = np.arange(256)
    likely: npt.NDArray[np.float64] = weights[keys[:, None] ^ keys]
    return likely


def _plain(sample: bytes) -> bool:
    """Whether bytes are text as they stand: words, most of them of the usual letters, and blanks."""
    letters = sample.translate(None, _NO_LETTERS)
    usual = len(letters) - len(letters.translate(None, b"eaiontrs"))
    return 2 * usual >= len(letters) and (b" " in sample or b"\n" in sample) and _reads(sample)


def _means(sample: bytes) -> bool:
    """Whether bytes without control characters are something as they stand."""
    return _reads(sample) or _unicode(sample) or jsontext.recognises(sample.decode("latin-1"))


def _unicode(sample: bytes) -> bool:
    """Whether the bytes are UTF-8 beyond ASCII: hardly any chance makes that."""
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(sample).isascii()
    except UnicodeDecodeError:
        return False


def _reads(sample: bytes) -> bool:
    """Whether bytes are text: words of the usual characters with marks between them."""
    size = len(sample)
    return (
        len(sample.translate(None, _USUAL)) <= (1 - _MOST_USUAL) * size
        and size - len(sample.translate(None, _MARKS)) >= _MARKED * size
        and size - len(sample.translate(None, _WORDS)) >= _WORDED * size
    )


def _recognises(content: Content) -> bool:
    head = content.stream.head()
    return key(head) > 0 and not sniff.signature(head)


def _read(content: Content, opened: Open) -> Iterator[Item]:
    """Read the bytes as they were, and what they are now: strings, or text that may be plain after all."""
    head = content.stream.head()
    found = key(head)
    step = f"xor 0x{found:02x}"
    held = None if sniff.opaque(head) else list[bytes]()
    strings = Strings(content)

    def plain() -> Iterator[bytes]:
        for chunk in strings.tee(content.stream):
            if held is not None and content.budget.hold(len(chunk)):
                held.append(chunk)
            yield chunk.translate(_TABLES[found])

    for item in opened(content.within(plain(), step)):
        yield item
        if held is None:
            yield from _emitted(strings, content.budget, last=False)
    if held is None:
        yield from _emitted(strings, content.budget, last=True)
    else:
        yield from _as_text(content, held, opened)


def _emitted(strings: Strings, budget: Budget, *, last: bool) -> Iterator[Item]:
    for part in strings.parts(last=last):
        yield from emitted(part, budget)


def _as_text(content: Content, held: list[bytes], opened: Open) -> Iterator[Item]:
    """Read the bytes as the plain text that they may be after all."""
    size = sum(map(len, held))
    place = content.unscanned(Reason.OPAQUE, size).part
    for item in text.READER.read(content.again(Stream(iter(held))), opened):
        # In a charset that nobody knows it is written only as long as it is taken for plain text.
        if isinstance(item, Part) or (item.reason, item.part) != (Reason.OPAQUE, place):
            yield item
    content.budget.release(size)
    if size < content.stream.taken:
        yield content.unscanned(Reason.OVER_BUDGET, content.stream.taken - size)


READER = Reader("xor", _recognises, _read)
