"""HAR 1.2, as browsers, proxies and test tools export it: entries as transfers.

Browsers leave out what they did not keep: files of a form, bodies that were streamed. What an entry says that
it sent, and does not hold, is unscanned. (http://www.softwareishard.com/blog/har-12-spec/)
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

import msgspec

from exfilter.captures.captured import DOOR, LARGEST, Captured, Place, Refused, Unread, absent
from exfilter.captures.splitting import Splitter
from exfilter.model import Headers, Reason, Transfer, Unscanned

WEBSOCKET = "WEBSOCKET"
BOUNDARY = "exfilter-har-7d1f5c0a9e"
"""Between the fields of a form whose body the capture did not keep."""
INTERNAL = frozenset({"about", "blob", "chrome", "chrome-extension", "data", "file", "moz-extension"})
"""Schemes of URLs that leave no machine."""
_LAST = 253_402_300_800.0
"""The year 10000, in seconds since the epoch."""

Json = Mapping[str, Any]


def places(path: Path) -> Iterator[Place | Unread]:
    """Yield where the entries stand, and whether the file breaks off. Raises OSError or ValueError."""
    with path.open("rb") as file:
        splitter = Splitter(file)
        number = 0
        for number, (start, length) in enumerate(splitter.entries(), 1):
            name = f"entry {number}"
            if length > LARGEST:
                yield Unread(name, f"an entry of {length} bytes, more than {LARGEST}")
            else:
                yield Place(name, start, length)
        yield from _left(path, splitter, number, file)


def _left(path: Path, splitter: Splitter, number: int, file: BinaryIO) -> Iterator[Unread]:
    size = file.tell()
    if splitter.whole:
        return
    if not splitter.found and number == 0 and size and not _is_cut(path, size):
        msg = f"{path} is JSON, but no HAR: there is no list log.entries in it"
        raise Refused(msg)
    begun = f"in the entry that begins at byte {splitter.begun}" if splitter.begun >= 0 else "at its end"
    why = f"the file breaks off {begun} of {size}: {number} whole entries were read, what follows was not"
    yield Unread(f"entry {number + 1}", why)


def _is_cut(path: Path, size: int) -> bool:
    """Whether the file ends in the midst of something. It is small, or it would have entries."""
    with path.open("rb") as file:
        data = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf")
    if size > 1 << 16:
        return False
    try:
        msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    except (UnicodeDecodeError, RecursionError):
        return False
    return False


def captured(data: bytes, place: str, actor: str) -> Iterator[Captured | Unread]:
    """Yield the transfers of one entry. ``actor``: who sent it, of whom a HAR says nothing."""
    entry = _entry(data)
    request = entry.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        yield Unread(place, "the entry is damaged, or has no request")
        return
    if request["url"].partition(":")[0].lower() in INTERNAL:
        return
    sent = _request(entry, request, actor)
    yield Captured(sent.transfer, _text(entry.get("_id")), place, sent.missing)
    yield from _messages(entry, sent.transfer, place)


def _entry(data: bytes) -> Json:
    """Return an entry; one that is no object is empty. Bytes that are not UTF-8 become surrogates."""
    found: object = None
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(data.decode("utf-8", "surrogateescape"), strict=False)
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class _Sent:
    transfer: Transfer
    missing: tuple[Unscanned, ...]


def _request(entry: Json, request: Json, actor: str) -> _Sent:
    headers = _pairs(request.get("headers"))
    cookies = _pairs(request.get("cookies"))
    if cookies and not any(name.lower() == "cookie" for name, _ in headers):
        headers += (("cookie", "; ".join(f"{name}={value}" for name, value in cookies)),)
    body, headers, missing = _body(request, headers)
    url = request["url"]
    transfer = Transfer(
        door=DOOR,
        body=body,
        actor=actor,
        destination=_host(url),
        method=_text(request.get("method")),
        url=url,
        headers=headers,
        time=_moment(entry.get("startedDateTime")),
    )
    return _Sent(transfer, missing)


def _body(request: Json, headers: Headers) -> tuple[bytes, Headers, tuple[Unscanned, ...]]:
    """Return the body, the headers it goes with, and what of it is not there."""
    said = _declared(request, headers)
    post = request.get("postData")
    if not isinstance(post, dict):
        return b"", headers, (absent(said),) if said else ()
    text, params = post.get("text"), post.get("params")
    if isinstance(text, str) and (text or not params):
        body, missing = _decoded(text, post.get("encoding"))
        short = said - len(body)
        return body, _typed(headers, post), (*missing, *((absent(short),) if short > 0 else ()))
    if isinstance(params, list) and params:
        return _form(params, headers, post, said)
    return b"", headers, (absent(max(1, said)),)


def _decoded(text: str, encoding: object) -> tuple[bytes, tuple[Unscanned, ...]]:
    raw = _bytes(text)
    if encoding != "base64":
        return raw, ()
    try:
        return base64.b64decode(raw, validate=False), ()
    except (binascii.Error, ValueError):
        return raw, (Unscanned("request.body (base64)", Reason.MALFORMED, max(1, len(raw))),)


def _form(
    params: Sequence[Any], headers: Headers, post: Json, said: int
) -> tuple[bytes, Headers, tuple[Unscanned, ...]]:
    """Write the fields of a form as a body: the capture kept nothing else of it."""
    fields = [each for each in params if isinstance(each, dict)]
    files = [each for each in fields if "fileName" in each and not _text(each.get("value"))]
    is_multipart = "multipart" in _text(post.get("mimeType")).lower() or bool(files)
    body = b"".join(map(_field, fields)) + _end() if is_multipart else _encoded(fields)
    rest = max(0, said - len(body))
    missing = [absent(max(1, rest // len(files)), f"request.body > file {n}") for n, _ in enumerate(files, 1)]
    if len(fields) < len(params):
        missing.append(Unscanned("request.body (fields)", Reason.MALFORMED, len(params) - len(fields)))
    if is_multipart:
        others = tuple(pair for pair in headers if pair[0].lower() != "content-type")
        headers = (*others, ("content-type", f"multipart/form-data; boundary={BOUNDARY}"))
    return body, headers, tuple(missing)


def _field(field: Json) -> bytes:
    name, file = _quoted(field.get("name")), _quoted(field.get("fileName"))
    about = f'; filename="{file}"' if file else ""
    kind = _line(field.get("contentType"))
    declared = f"Content-Type: {kind}\r\n" if kind else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{about}\r\n{declared}\r\n'
    return _bytes(head + _text(field.get("value")) + "\r\n")


def _end() -> bytes:
    return f"--{BOUNDARY}--\r\n".encode()


def _encoded(fields: Sequence[Json]) -> bytes:
    pairs = [(_text(each.get("name")), _text(each.get("value"))) for each in fields]
    return urlencode(pairs, errors="surrogatepass").encode()


def _typed(headers: Headers, post: Json) -> Headers:
    """Return the headers, with the type of the body where they name none."""
    kind = _line(post.get("mimeType"))
    if not kind or any(name.lower() == "content-type" for name, _ in headers):
        return headers
    return (*headers, ("content-type", kind))


def _declared(request: Json, headers: Headers) -> int:
    """Return how many bytes of body the entry says it sent; 1 where it says only that there were some."""
    size = request.get("bodySize")
    if isinstance(size, int) and size > 0:
        return size
    for name, value in headers:
        if name.lower() == "content-length" and value.isascii() and value.isdigit():
            return int(value[:18])
    chunked = any(name.lower() == "transfer-encoding" for name, _ in headers)
    unknown = size is None or (isinstance(size, int) and size < 0)
    return int(chunked or (unknown and _text(request.get("method")).upper() in {"POST", "PUT", "PATCH"}))


def _messages(entry: Json, shake: Transfer, place: str) -> Iterator[Captured]:
    """Yield what the browser said on a WebSocket."""
    messages = entry.get("_webSocketMessages")
    sent = (
        [each for each in messages if isinstance(each, dict) and each.get("type") == "send"]
        if isinstance(messages, list)
        else []
    )
    for number, message in enumerate(sent, 1):
        text = _text(message.get("data"))
        body, missing = _decoded(text, "base64" if message.get("opcode") == 2 else "")
        transfer = Transfer(
            door=DOOR,
            body=body,
            actor=shake.actor,
            destination=shake.destination,
            method=WEBSOCKET,
            url=shake.url,
            time=_seconds(message.get("time"), shake.time),
        )
        yield Captured(transfer, "", f"{place} message {number}", missing)


def _pairs(listed: object) -> Headers:
    if not isinstance(listed, list):
        return ()
    pairs = [each for each in listed if isinstance(each, dict)]
    return tuple((_text(each.get("name")), _text(each.get("value"))) for each in pairs)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _moment(text: object) -> float:
    """Return seconds since the epoch; 0 for what is no time. Without a zone it is UTC."""
    try:
        moment = dt.datetime.fromisoformat(_text(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _seconds(value: object, other: float) -> float:
    """Return seconds since the epoch, or the other where they are none that a calendar has."""
    if not isinstance(value, int | float) or not 0 < value < _LAST:
        return other
    return float(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
    except ValueError:  # a number of more digits than Python writes
        return ""


def _bytes(text: str) -> bytes:
    """Return what a text was read from: a surrogate is a byte that is not UTF-8, or was written as such."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _line(value: object) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in _text(value))


def _quoted(value: object) -> str:
    return _line(value).replace('"', "%22")
