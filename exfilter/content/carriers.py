"""What stands around a body: URL, host, headers, cookies, trailers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from exfilter.content import encoded
from exfilter.content.budget import Budget, Item
from exfilter.content.charset import clean
from exfilter.content.content import Content, Open, stems
from exfilter.content.escapes import emitted, percent
from exfilter.content.pairs import Beginnings, simple
from exfilter.content.stream import Stream
from exfilter.model import Headers, Part

_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())
_SHOWN = re.compile(r"[a-z][a-z-]{0,39}")
_AUTHORITY = re.compile(r"[A-Za-z][\w+.-]*://([^/?#]*)")
_NUMBER = re.compile(r"\d+")
_PORT = re.compile(r":\d*\Z")
_OWN_LABELS = 2
"""The last labels of a host name belong to its owner; what is sent in a name stands before them."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message carries beside its body."""

    url: str
    headers: Headers
    method: str = "GET"
    destination: str = ""
    trailers: Headers = ()
    path: tuple[str, ...] = ()
    """Where the message lies. Empty: it is the transfer itself."""
    depth: int = 0


class Carriers:
    """Reads an envelope: each thing by itself, and together what can have been taken apart."""

    def __init__(self, envelope: Envelope, budget: Budget, opened: Open) -> None:
        """Read an envelope. `opened`: reads a value that is a content of its own."""
        self._envelope = envelope
        self._budget = budget
        self._opened = opened

    def read(self) -> Iterator[Item]:
        """Yield everything, in the clear and with its escapes undone."""
        envelope = self._envelope
        authority = _AUTHORITY.match(envelope.url)
        yield from self._target(envelope.url[authority.end() :] if authority else envelope.url)
        if envelope.method.upper() not in _METHODS:
            yield from self._text("request.method", envelope.method)
        for host in dict.fromkeys((authority[1] if authority else "", envelope.destination)):
            yield from self._text("request.host", host)
            labels = _PORT.sub("", host.rpartition("@")[2]).split(".")[:-_OWN_LABELS]
            if len(labels) > 1:
                yield from self._text("request.host", "".join(labels), "labels")
        for kind, headers in (("header", envelope.headers), ("trailer", envelope.trailers)):
            yield from self._headers(f"request.{kind}", headers)

    def _target(self, target: str) -> Iterator[Item]:
        yield from self._text("request.url", target)
        if "+" in target:
            yield from self._text("request.url", percent(target.replace("+", " ")), "form")
        before, _, fragment = target.partition("#")
        for stem in stems(percent(before.partition("?")[0].rpartition("/")[2])):
            yield from self._text("request.url", stem, "stem")
        for step, fields in (("query", before.partition("?")[2]), ("fragment", fragment)):
            plain = fields.replace(";", "&").replace("+", " ")
            yield from self._fields("request.url", plain.split("&"), step)

    def _headers(self, place: str, headers: Headers) -> Iterator[Item]:
        """Yield the values each by itself, then all of them as one record, with what is undone in it."""
        yield from self._text(place, "\n".join(name for name, _ in headers), "names")
        values = []
        for number, (name, value) in enumerate(headers, 1):
            if self._budget.overdue():
                return
            label = name.lower() if _SHOWN.fullmatch(name.lower()) else f"[{number}]"
            values.append(clean(value))
            if value:
                yield Part((*self._envelope.path, f"{place} {label}"), values[-1])
            if label == "cookie":
                yield from self._fields(f"{place} {label}", value.split(";"), "cookies")
        yield from self._text(f"{place}s", "\n".join(values), records=[0])
        yield from self._joined(place, headers)

    def _fields(self, place: str, fields: list[str], step: str) -> Iterator[Item]:
        """Yield the values of fields as records, and each that is a content of its own."""
        path, depth = (*self._envelope.path, place, step), self._envelope.depth + 1
        beginnings, records, values, size = Beginnings(), set[int](), [], 0
        pairs = [percent(field).partition("=")[::2] for field in fields]
        for name, value in pairs:
            data = value.encode("utf-8", "surrogateescape")
            if beginnings.at(name.strip().encode("utf-8", "surrogateescape")):
                records.add(size)
            if simple(data):
                values.append(clean(value))
                size += len(values[-1]) + 1
            else:
                yield from self._opened(Content(Stream(iter([data])), path, self._budget, "", depth))
        if len(values) > 1:
            text = "\n".join(values)
            starts = np.array(sorted(start for start in records if start < len(text)), dtype=np.int64)
            yield Part(path, text, starts)
        yield from self._joined(place, pairs, step)

    def _joined(self, place: str, pairs: Iterable[tuple[str, str]], *steps: str) -> Iterator[Item]:
        """Yield what the values give that have the same name, or names that differ by their numbers."""
        groups: dict[str, list[str]] = {}
        for name, value in pairs:
            groups.setdefault(_NUMBER.sub("#", name.strip().lower()), []).append(value)
        for values in groups.values():
            if len(values) > 1:
                yield from self._text(place, "".join(values), *steps, "joined")

    def _shown(self, place: str) -> str:
        return " > ".join((*self._envelope.path, place))

    def _text(self, place: str, value: str, *steps: str, records: list[int] | None = None) -> Iterator[Item]:
        if value.strip("/"):
            path = (*self._envelope.path, place, *steps)
            starts = None if records is None else np.array(records, dtype=np.int64)
            yield from emitted(Part(path, clean(value), starts), self._budget)
            yield from encoded.finish(path, self._budget)
