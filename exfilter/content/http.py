"""What an HTTP request carries: URL, host, headers, trailers, and the body with its codings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exfilter.content.budget import Budget, Item
from exfilter.content.charset import clean
from exfilter.content.codings import CODERS, expanded
from exfilter.content.content import Content
from exfilter.content.escapes import emitted, percent
from exfilter.content.registry import contents
from exfilter.content.stream import root
from exfilter.model import Headers, Part, Reason, Transfer, Unscanned

BODY = "request.body"
_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())
_SHOWN = re.compile(r"[a-z][a-z-]{0,39}")
_AUTHORITY = re.compile(r"[A-Za-z][\w+.-]*://([^/?#]*)")


def carriers(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    """Yield everything beside the body, each in the clear and with its escapes undone."""
    authority = _AUTHORITY.match(transfer.url)
    target = transfer.url[authority.end() :] if authority else transfer.url
    hosts = dict.fromkeys((authority[1] if authority else "", transfer.destination))
    yield from _text(budget, "request.url", target)
    if "+" in target:
        yield from _text(budget, "request.url", percent(target.replace("+", " ")), "form")
    if transfer.method.upper() not in _METHODS:
        yield from _text(budget, "request.method", transfer.method)
    for host in hosts:
        yield from _text(budget, "request.host", host)
    for kind, headers in (("header", transfer.headers), ("trailer", transfer.trailers)):
        yield from _text(budget, f"request.{kind}", "\n".join(name for name, _ in headers), "names")
        for number, (name, value) in enumerate(headers, 1):
            if budget.overdue():
                yield Unscanned(f"request.{kind}", Reason.DEADLINE, _size(headers[number - 1 :]))
                return
            label = name.lower() if _SHOWN.fullmatch(name.lower()) else f"[{number}]"
            yield from _text(budget, f"request.{kind} {label}", value)


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _text(budget: Budget, place: str, value: str, *steps: str) -> Iterator[Item]:
    if value.strip("/"):
        yield from emitted(Part((place, *steps), clean(value)), budget)


def body(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    """Yield what is in the body, with the codings undone that its headers name."""
    path = (transfer.name or BODY,)
    view = memoryview(transfer.body)[: max(0, budget.limits.bytes_in)]
    content = Content(root(view, budget), path, budget, transfer.header("content-type"))
    names = _codings(transfer.headers)
    if names:
        yield from _coded(content, names, content.again(root(view, budget)))
    else:
        yield from contents(content)
    rest = len(transfer.body) - len(view)
    if rest and not budget.late:
        yield content.unscanned(Reason.OVER_BUDGET, rest)


def _codings(headers: Headers) -> list[str]:
    values = (value for name, value in headers if name.lower() == "content-encoding")
    names = (name.strip().lower() for value in values for name in value.split(","))
    return [name for name in names if name not in ("", "identity")]


def _coded(content: Content, names: list[str], raw: Content) -> Iterator[Item]:
    """Undo the codings that the headers name; where that fails, read the bytes as they are.

    Fail closed: a failed decoding is reported unless the bytes turn out to be readable.
    """
    size = content.stream.left
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
        if coders[-1].magic and raw.stream.head().startswith(coders[-1].magic):
            yield from failure
            return
    readable = True
    for item in contents(raw):
        if isinstance(item, Unscanned) and item.reason in (Reason.UNSUPPORTED, Reason.OPAQUE):
            readable = False
        else:
            yield item
    if not readable and not content.budget.late:
        yield content.unscanned(Reason.MALFORMED, size)


def _is_failure(item: Unscanned, decoded: Content) -> bool:
    """Whether a value says that the coding itself is broken, not something inside it."""
    trouble = decoded.stream.trouble
    broken = trouble is not None and trouble.reason is Reason.MALFORMED
    return broken and trouble is not None and item == decoded.unscanned(trouble.reason, trouble.left)
