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
_SHOWN = re.compile(r"[a-z][a-z-]{0,39}")
_AUTHORITY = re.compile(r"[A-Za-z][\w+.-]*://([^/?#]*)")


def carriers(transfer: Transfer, budget: Budget) -> Iterator[Item]:
    """Yield everything beside the body, each in the clear and with its escapes undone."""
    authority = _AUTHORITY.match(transfer.url)
    target = transfer.url[authority.end() :] if authority else transfer.url
    hosts = dict.fromkeys((authority[1] if authority else "", transfer.destination))
    yield from _text("request.url", target)
    if "+" in target:
        yield from _text("request.url", percent(target.replace("+", " ")), "form")
    for host in hosts:
        yield from _text("request.host", host)
    for kind, headers in (("header", transfer.headers), ("trailer", transfer.trailers)):
        yield from _text(f"request.{kind}", "\n".join(name for name, _ in headers), "names")
        for number, (name, value) in enumerate(headers, 1):
            if budget.overdue():
                yield Unscanned(f"request.{kind}", Reason.DEADLINE, _size(headers[number - 1 :]))
                return
            label = name.lower() if _SHOWN.fullmatch(name.lower()) else f"[{number}]"
            yield from _text(f"request.{kind} {label}", value)


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _text(place: str, value: str, *steps: str) -> Iterator[Part]:
    if value.strip("/"):
        yield from emitted(Part((place, *steps), clean(value)))


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
    broken: list[Unscanned] = []
    if len(coders) == len(names) <= content.budget.limits.depth:
        for item in expanded(content, coders, contents):
            if isinstance(item, Unscanned) and item.reason is Reason.MALFORMED:
                broken.append(item)
            else:
                yield item
        if not broken:
            return
    if broken and coders[-1].magic and raw.stream.head().startswith(coders[-1].magic):
        yield from broken
        return
    readable = True
    for item in contents(raw):
        if isinstance(item, Unscanned) and item.reason is Reason.UNSUPPORTED:
            readable = False
        else:
            yield item
    if not readable and not content.budget.late:
        yield content.unscanned(Reason.MALFORMED, size)
