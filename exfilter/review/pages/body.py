"""The body of a held transfer: masked text that does nothing, or a download in clear.

Whatever it holds, a browser neither runs nor guesses it: text in a sandbox without any right, or a file.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, HTTPException, Path, Request, UploadFile
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from exfilter.body import pieces
from exfilter.model import Transfer
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk, reasoned, refusals
from exfilter.review.opening import LARGEST_KEY, Given, masked, opened
from exfilter.review.pages.transfer import shown

router = APIRouter(include_in_schema=False)

INERT = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
PIECE = 1 << 20


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
        return shown(request, who, id, str(refused.detail), refused.status_code)
    if found is None:
        return RedirectResponse(f"/transfers/{id}", HTTPStatus.SEE_OTHER)
    return as_file(id, found) if how is How.FILE else PlainTextResponse(masked(found), headers=INERT)


def as_file(transfer_id: str, found: Transfer) -> Response:
    """Return a body in clear, to be saved under a name of ours."""
    name = {"Content-Disposition": f'attachment; filename="{transfer_id}.bin"'}
    return StreamingResponse(_cut(found), media_type="application/octet-stream", headers=INERT | name)


def _cut(found: Transfer) -> Iterator[bytes]:
    for piece in pieces(found.body):
        for start in range(0, len(piece), PIECE):
            yield bytes(piece[start : start + PIECE])
