"""The body of a held transfer: masked text that does nothing, or a download in clear.

Whatever it holds, a browser neither runs nor guesses it: text in a sandbox without any right, or a file.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Generator, Mapping
from contextlib import closing
from http import HTTPStatus
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, File, Form, HTTPException, Path, Request, UploadFile
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from exfilter.body import pieces
from exfilter.model import Transfer
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk, reasoned, refusals
from exfilter.review.opening import LARGEST_KEY, Clear, Given, masked, opened
from exfilter.review.pages.transfer import Typed, shown

router = APIRouter(include_in_schema=False)

INERT = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
PIECE = 1 << 20
STALLED = 15.0
"""Seconds for a piece: who takes longer keeps others from opening."""


class How(enum.StrEnum):
    """How a body is opened."""

    TEXT = "text"
    FILE = "file"


@router.post("/transfers/{id}/open")
def open_body(
    request: Request,
    who: Annotated[Person, Depends(needs(Role.REVIEWER))],
    id: Annotated[str, Path(max_length=80)],  # noqa: A002 - the path's name
    how: Annotated[How, Form()] = How.TEXT,
    reason: Annotated[str, Form(max_length=4000)] = "",
    passphrase: Annotated[str, Form(max_length=1024)] = "",
    key: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Open a body, or ask for a second reviewer who does."""
    data = key.file.read(LARGEST_KEY) if key is not None else b""
    try:
        with refusals():
            found = opened(desk(request), who.name, id, Given(reasoned(reason), passphrase, data))
    except HTTPException as refused:
        if refused.status_code == HTTPStatus.NOT_FOUND:
            raise
        return shown(request, who, id, refused, Typed(opening=reason))
    if found is None:
        return RedirectResponse(f"/transfers/{id}", HTTPStatus.SEE_OTHER)
    if how is How.FILE:
        return as_file(id, found)
    with found:
        return PlainTextResponse(masked(found.transfer), headers=INERT)


def as_file(transfer_id: str, found: Clear) -> Response:
    """Return a body in clear, to be saved under a name of ours."""
    name = {"Content-Disposition": f'attachment; filename="{transfer_id}.bin"'}
    return _Download(found, INERT | name)


class _Download(Response):
    """A body on its way out; it is forgotten when the answer has ended, however it does."""

    media_type = "application/octet-stream"

    def __init__(self, found: Clear, headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._found = found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of ASGI
        with self._found as found, closing(_cut(found.transfer)) as pieces_:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with contextlib.suppress(TimeoutError):  # The server sees that the end is missing, and hangs up.
                for piece in pieces_:
                    with anyio.fail_after(STALLED):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})


def _cut(found: Transfer) -> Generator[bytes]:
    for piece in pieces(found.body):
        for start in range(0, len(piece), PIECE):
            yield bytes(piece[start : start + PIECE])
