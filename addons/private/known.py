"""The code of mitmproxy that this door relies on without an interface for it: any other is refused.

A replaced class that mitmproxy no longer looks up would leave a carrier open, silently. So the door reads
the source of each place before it opens.
"""

from __future__ import annotations

import ast
import hashlib
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import mitmproxy.version

if TYPE_CHECKING:
    from collections.abc import Mapping

_HTTP = "mitmproxy.proxy.layers.http"

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        _HTTP + ":HttpStream.state_consume_request_body": "a1688b5f89b2417d",
        _HTTP + ":HttpStream.flow_done": "ef4e03482aa25299",
        _HTTP + ":HttpStream.handle_protocol_error": "16ebb14649f2940b",
        _HTTP + ":HttpLayer._handle_event": "f675d84e3db32385",
        _HTTP + ":HttpLayer.make_stream": "65849da2d51c8719",
        _HTTP + "._http1:Http1Connection.read_body": "9d64abb7fef741e6",
        _HTTP + "._http1:Http1Server": "9e550fe0dd2d4d1a",
        "mitmproxy.proxy.mode_servers:AsyncioServerInstance._start": "7054383aee50ee64",
        "mitmproxy.proxy.mode_servers:AsyncioServerInstance.listen": "8e459ae256c4edc6",
        "mitmproxy.proxy.layers.tls:TLSLayer.start_tls": "c0abce4564814890",
        "mitmproxy.proxy.layers.tls:ClientTLSLayer.receive_handshake_data": "ab9d30931d97aef1",
        "mitmproxy.proxy.layers.websocket:WebsocketConnection": "ef7ca0f5449d4444",
        "mitmproxy.proxy.layers.websocket:WebsocketLayer": "5a4b954d26a47388",
    }
)
"""Module and name of what is relied on, and the digest of its source (mitmproxy 12.2.0 to 12.3.1)."""


def check(known: Mapping[str, str] = KNOWN) -> None:
    """Raise ValueError, with the next step, when mitmproxy is not the one that is known here."""
    for place, wanted in known.items():
        found = digest(place)
        if found != wanted:
            what = "has another" if found else "has no"
            name = place.replace(":", ".")
            msg = (
                f"mitmproxy {mitmproxy.version.VERSION} {what} {name} than this door was made for, "
                "and it could let traffic pass unread: install the version that requirements.lock names"
            )
            raise ValueError(msg)


def digest(place: str) -> str:
    """Return the digest of the source of ``module:name.name``; empty: there is none.

    From the file, not from memory, where this door has replaced what it means to check.
    """
    module, _, names = place.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    text = Path(spec.origin).read_text("utf-8")
    node: ast.AST | None = ast.parse(text)
    for name in names.split("."):
        node = _member(node, name)
    source = ast.get_source_segment(text, node) if node is not None else None
    return hashlib.sha256(source.encode()).hexdigest()[:16] if source else ""


def _member(parent: ast.AST | None, name: str) -> ast.AST | None:
    definitions = (
        node
        for node in getattr(parent, "body", ())
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return next((node for node in definitions if node.name == name), None)
