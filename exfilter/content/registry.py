"""The readers, and the one function that reads a content with the one that recognises it."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content import binary, codings, form, multipart, text
from exfilter.content.budget import Item
from exfilter.content.content import Content, Reader
from exfilter.model import Reason

READERS: tuple[Reader, ...] = (*codings.READERS, multipart.READER, form.READER, binary.READER, text.READER)
"""Archives and documents go before ``binary``. The first that recognises a content reads it."""


def contents(content: Content) -> Iterator[Item]:
    """Yield all that is in a content, and why it could not be read to its end."""
    stream, budget = content.stream, content.budget
    if stream.head(1):
        if content.depth > budget.limits.depth or not budget.part():
            yield from binary.opaque(content, Reason.OVER_BUDGET)
        else:
            reader = next(reader for reader in READERS if reader.recognises(content))
            yield from reader.read(content, contents)
    if stream.trouble is not None and not budget.late:
        yield content.unscanned(stream.trouble.reason, stream.trouble.left)
