"""What every answer carries, whatever it is, and what is answered when something broke."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind} 'self'" for kind in ("style-src", "script-src", "img-src", "connect-src", "form-action")),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
EVERY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=()",
}
LASTING = "max-age=31536000"
"""Of Strict-Transport-Security, where TLS is spoken."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Middleware: the outermost. An exception is answered without its message, which may quote a customer."""

    app: ASGIApp
    secure: bool
    told: Callable[[str], None]
    """Hears of what broke."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._complete(MutableHeaders(scope=message))
            await send(message)

        try:
            await self._answer(scope, receive, sent)
        except Exception as error:  # noqa: BLE001 - the server would log its message
            self.told(f"internal error: {place(error)}; please report it")
            if not begun:
                broken = PlainTextResponse("Something broke here; nothing more is known to you.\n", 500)
                await broken(scope, receive, sent)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what came in clear where TLS is promised."""
        if self.secure and scope["scheme"] != "https":
            await PlainTextResponse("Come by HTTPS.\n", 403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _complete(self, headers: MutableHeaders) -> None:
        for name, value in EVERY.items():
            headers.setdefault(name, value)
        if self.secure:
            headers.setdefault("Strict-Transport-Security", LASTING)


def place(error: BaseException) -> str:
    """Return the kind of an exception and where it was raised, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    return f"{type(error).__name__} at {where}"
