"""What an HTTP request carries: URL, host, headers, trailers, and the body with its codings."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.body import size
from exfilter.content import coded
from exfilter.content.budget import Budget, Item
from exfilter.content.carriers import Carriers, Envelope
from exfilter.content.codings import CODERS, expanded
from exfilter.content.content import Content
from exfilter.content.registry import contents, with_encoded
from exfilter.content.stream import Stream, root
from exfilter.content.wire import chunked
from exfilter.model import Buffer, Reason, Transfer, Unscanned

BODY = "request.body"


def carriers(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    """Yield everything beside the body, each in the clear and with its escapes undone."""
    envelope = Envelope(
        transfer.url, transfer.headers, transfer.method, transfer.destination, transfer.trailers
    )
    yield from with_encoded(Carriers(envelope, budget, contents).read(), (), 0, budget)


def body(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    """Yield what is in the body, with the codings undone that its headers name."""
    path = (transfer.name or BODY,)
    sent = transfer.body
    content = Content(root(sent, budget), path, budget, transfer.header("content-type"))
    values = (value for name, value in transfer.headers if name.lower() == "content-encoding")
    names = coded.names(values)
    if names and chunked.recognises(content):
        again = content.again(Stream(chunked.Chunks(root(sent, budget)).data()))
        yield from chunked.read(content, lambda inner: _coded(inner, names, again, sent))
    elif names:
        yield from _coded(content, names, content.again(root(sent, budget)), sent)
    else:
        yield from contents(content)
    rest = 0 if budget.late else size(sent) - max(0, budget.limits.bytes_in)
    if rest > 0:
        yield content.unscanned(Reason.OVER_BUDGET, rest)


def _coded(content: Content, names: list[str], raw: Content, sent: Buffer) -> Iterator[Item]:
    """Undo the codings that the headers name; where that fails, read the bytes as they are: `raw`.

    Fail closed: a failed decoding is reported unless the bytes turn out to be readable.
    """
    coders = [CODERS[name] for name in names if name in CODERS]
    if len(coders) == len(names) <= content.budget.limits.depth:
        decoded: list[Content] = []

        def opened(inner: Content) -> Iterator[Item]:
            decoded.append(inner)
            return contents(inner)

        failure: list[Unscanned] = []
        for item in expanded(content, coders, opened):
            if isinstance(item, Unscanned) and _is_failure(item, decoded[0]):
                failure.append(item)
            else:
                yield item
        if not failure:
            return
        if coders[-1].recognises(raw.stream.head()):
            yield from failure
            return
    readable = True
    for item in contents(raw):
        if isinstance(item, Unscanned) and item.reason in (Reason.UNSUPPORTED, Reason.OPAQUE):
            readable = False
        else:
            yield item
    if not readable and not content.budget.late:
        yield content.unscanned(Reason.MALFORMED, min(size(sent), content.budget.limits.bytes_in))


def _is_failure(item: Unscanned, decoded: Content) -> bool:
    """Whether a value says that the coding itself is broken, not something inside it."""
    trouble = decoded.stream.trouble
    broken = trouble is not None and trouble.reason is Reason.MALFORMED
    return broken and trouble is not None and item == decoded.unscanned(trouble.reason, trouble.left)
