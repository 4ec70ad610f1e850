"""The readers, and the one function that reads a content with the one that recognises it."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content import binary, codings, encoded, form, multipart, parsed, text
from exfilter.content.archives import readers as archives
from exfilter.content.budget import Budget, Item
from exfilter.content.content import Content, Reader
from exfilter.content.disguises import xor
from exfilter.content.documents import cms, mail, ole, pdf, pgp, rtf, tables
from exfilter.content.documents.office import readers as office
from exfilter.content.encoded import yenc
from exfilter.content.pictures import reader as pictures
from exfilter.content.stream import Stream
from exfilter.content.wire import readers as wire
from exfilter.limits import Limits
from exfilter.model import Reason, never

READERS: tuple[Reader, ...] = (
    *codings.READERS,
    rtf.READER,
    parsed.plain("mail", mail.recognises),
    yenc.READER,
    *wire.FRAMINGS,
    multipart.READER,
    form.READER,
    *office.READERS,
    *archives.READERS,
    pdf.READER,
    pictures.READER,
    ole.READER,
    *tables.READERS,
    pgp.READER,
    cms.READER,
    *wire.OBJECTS,
    xor.READER,
    wire.SEPARATED,
    binary.READER,
    text.READER,
)
"""Archives and documents go before ``binary``. The first that recognises a content reads it."""


def contents(content: Content) -> Iterator[Item]:
    """Yield all that is in a content, and why it could not be read to its end."""
    stream, budget = content.stream, content.budget
    if stream.head(1):
        if content.depth > budget.limits.depth or not budget.part():
            yield from binary.opaque(content, Reason.OVER_BUDGET)
        else:
            reader = next(reader for reader in READERS if reader.recognises(content))
            yield from with_encoded(reader.read(content, contents), content.path, content.depth, budget)
    if stream.trouble is not None and not budget.late:
        yield content.unscanned(stream.trouble.reason, stream.trouble.left)


def kind(head: bytes) -> str:
    """Return what reads a content that begins so: the name of its reader, of text that of its format."""
    content = Content(Stream(iter([head])), (), Budget(Limits(), never))
    reader = next(reader for reader in READERS if reader.recognises(content))
    return text.form(head.decode("utf-8", "replace")).name if reader is text.READER else reader.name


def with_encoded(items: Iterator[Item], path: tuple[str, ...], depth: int, budget: Budget) -> Iterator[Item]:
    """Yield what a reader yields, and what lies in the bytes that are encoded in its texts."""
    for item in items:
        yield item
        if budget.inner:
            yield from _inner(depth, budget)
    yield from encoded.finish(path, budget)
    yield from _inner(depth, budget)


def _inner(depth: int, budget: Budget) -> Iterator[Item]:
    waiting, budget.inner = budget.inner, []
    for found in waiting if not budget.late else ():
        content = Content(Stream(budget.freed(found)), found.path, budget, "", depth + 1)
        deflated = codings.expanded(content, [codings.DEFLATE], contents)
        yield from deflated if found.deflated else contents(content)
