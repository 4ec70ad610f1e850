"""One request and its answer: how it arrives, and the ways in which it can be answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from exfilter.body import Filed
from exfilter.icap import answers, chunks
from exfilter.icap.events import Data, End, Head, Preview
from exfilter.icap.link import Gone, Link

if TYPE_CHECKING:
    from exfilter.door.page import Answer
    from exfilter.door.spool import Spool

PIECE = 256 * 1024
"""Bytes of one chunk of a body that goes back."""


@dataclass(slots=True)
class Exchange:
    """A request of which the head has arrived."""

    link: Link
    head: Head
    end: End | None = None
    """None: it is not whole yet."""
    has_begun: bool = False
    """Whether something of the answer has left."""
    _went_on: bool = False

    @property
    def may_leave_alone(self) -> bool:
        """Whether the client still has all of it, and needs not be sent it (RFC 3507, section 4.6)."""
        in_preview = self.head.preview is not None and not self._went_on
        return in_preview or "204" in self.head.allows

    @property
    def whole(self) -> End:
        """Its end. Raises RuntimeError before it is there."""
        if self.end is None:
            raise RuntimeError
        return self.end

    @property
    def is_here(self) -> bool:
        """Whether everything beside the body is here."""
        return self.end is not None and not (self.head.too_large or self.end.too_large)

    async def pieces(self, patience: float) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises as ``Link.next``."""
        while self.end is None:
            event = await self.link.next(patience)
            if isinstance(event, Data):
                yield event.data
            elif isinstance(event, Preview):
                await self.link.send(answers.continue_())
                self.link.parser.go_on()
                self._went_on = True
            elif isinstance(event, End):
                self.end = event
            else:
                raise Gone

    async def forward(self, istag: str, spool: Spool) -> None:
        """Let it go on. Raises OSError where the client has gone."""
        if self.may_leave_alone:
            await self._send(answers.no_content(istag))
        else:
            await self.send_back(istag, "req-hdr", spool)

    async def send_back(self, istag: str, section: str, spool: Spool) -> None:
        """Send the client what it sent: that of its heads, and its body. Raises OSError."""
        heads = [each for each in self.head.sections if each[0] == section]
        await self._send(answers.modified_head(istag, heads, has_body=self.head.has_body))
        if self.head.has_body and self.end is not None:
            async for piece in _pieces(spool):
                await self._send(chunks.chunk(piece))
            await self._send(chunks.last(self.end.trailers))

    async def refuse(self, istag: str, answer: Answer, *, is_head: bool = False) -> None:
        """Send a page in its place; ``is_head``: the request wants no body. Raises OSError."""
        fields = (*answer.headers, ("Content-Length", str(len(answer.body))))
        lines = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        lines += "".join(f"{name}: {value}\r\n" for name, value in fields)
        said = answers.modified_head(istag, [("res-hdr", f"{lines}\r\n".encode())], has_body=not is_head)
        await self._send(said if is_head else said + chunks.chunk(answer.body) + chunks.LAST)

    async def complain(self, istag: str, status: int, why: str) -> None:
        """Send an error of ICAP; the connection stays. Raises OSError."""
        await self._send(answers.error(status, why, istag, close=False))

    async def _send(self, data: bytes) -> None:
        self.has_begun = True
        await self.link.send(data)


async def _pieces(spool: Spool) -> AsyncIterator[bytes]:
    body = spool.body()
    if not isinstance(body, Filed):
        yield body
        return
    at = 0
    while at < body.size:
        piece = await asyncio.to_thread(os.pread, body.file, min(PIECE, body.size - at), at)
        if not piece:
            raise EOFError
        yield piece
        at += len(piece)
