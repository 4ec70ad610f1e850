"""A desk that is called over its API: held transfers on another machine, with the rights of a token."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from exfilter import private
from exfilter.cli.held import PAGE, Filters
from exfilter.loopback import is_here

if TYPE_CHECKING:
    from exfilter.quarantine import Entry, State

ENVIRONMENT = "EXFILTER_REVIEW_TOKEN"
PATIENCE = 60.0
"""Seconds for an answer."""
LARGEST = 64 * 1024 * 1024
"""Bytes of one."""


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nobody: the token is for this desk alone."""


def token(file: Path | None) -> str:
    """Return the token of a file (mode 0600) or of the environment. Raises ValueError where there is none."""
    found = private.read(file).decode().strip() if file else os.environ.get(ENVIRONMENT, "").strip()
    if not found or not found.isascii() or not found.isprintable():
        made = "`exfilter review token add` makes one"
        msg = f"--server needs a token: set {ENVIRONMENT}, or name --token-file; {made}"
        raise ValueError(msg)
    return found


@dataclass(frozen=True, slots=True)
class Remote:
    """A desk."""

    url: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse an address over which the token would travel in clear."""
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here(parts.hostname)):
            msg = "--server: give its https:// address; http:// is for this machine alone"
            raise ValueError(msg)

    def listed(self, filters: Filters) -> Iterator[Entry]:
        """Yield the transfers that are meant, a page at a time."""
        after = ""
        while True:
            query = urlencode(asdict(filters) | {"after": after, "limit": PAGE})
            page = self._call("GET", f"transfers?{query}")
            yield from map(_entry, page["transfers"])
            after = page["next"]
            if not after:
                return

    def show(self, transfer_id: str) -> Entry:
        """Return one with its history."""
        return _entry(self._call("GET", f"transfers/{quote(transfer_id, safe='')}"))

    def release(self, transfer_id: str, reason: str, hours: float) -> State:
        """Let the sender's retry pass once."""
        from exfilter.quarantine import State

        return State(self._decide(transfer_id, "release", {"reason": reason, "hours": hours})["state"])

    def deny(self, transfer_id: str, reason: str) -> None:
        """Keep it held for good."""
        self._decide(transfer_id, "deny", {"reason": reason})

    def confirm(self, transfer_id: str, reason: str) -> None:
        """Keep it held for good: it was a leak."""
        self._decide(transfer_id, "confirm", {"reason": reason})

    def _decide(self, transfer_id: str, how: str, wanted: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        return self._call("POST", f"transfers/{quote(transfer_id, safe='')}/{how}", wanted)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url.rstrip('/')}/api/v1/{path}", data, headers, method=method)  # noqa: S310
        opener = build_opener(ProxyHandler({}), _Stay())
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return json.loads(answer.read(LARGEST))
        except HTTPError as refused:
            raise ValueError(_told(refused)) from None
        except URLError as error:
            msg = f"{self.url}: {error.reason}; start `exfilter review` there, or correct the address"
            raise OSError(msg) from None


def _told(refused: HTTPError) -> str:
    from exfilter.quarantine.entries import printable

    try:
        detail = str(json.loads(refused.read(LARGEST))["detail"])
    except (ValueError, KeyError, TypeError):
        detail = "no exfilter answered; correct the address"
    return f"{refused.code}: {printable(detail)}"


def _entry(data: dict[str, Any]) -> Entry:
    """Return an entry as the API tells it; what a list leaves out is empty."""
    from exfilter.quarantine import Entry, Move, Request, State, What
    from exfilter.quarantine.entries import COLUMNS

    empty: dict[str, Any] = {"verdict": {"unscanned": []}, "exhibits": [], "policy": "", "index_id": ""}
    moves = tuple(Move(**each | {"state": State(each["state"])}) for each in data.get("moves", ()))
    asked = tuple(Request(**each | {"what": What(each["what"])}) for each in data.get("requests", ()))
    told = {name: data[name] for name in COLUMNS if name in data} | {"state": State(data["state"])}
    return Entry(**empty | told, moves=moves, requests=asked)
