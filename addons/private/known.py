"""The code of mitmproxy that this door relies on without an interface for it: any other is refused.

A replaced class that mitmproxy no longer looks up would leave a carrier open, silently. So the door reads
the source of each place before it opens.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import mitmproxy.version

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_HTTP = "mitmproxy.proxy.layers.http"

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "mitmproxy.addonmanager:safecall": "b54a129802a53182",
        "mitmproxy.addonmanager:traverse": "7235ad007525990a",
        "mitmproxy.addonmanager:AddonManager._iter_hooks": "3272db94de93ff9e",
        "mitmproxy.addonmanager:AddonManager.trigger_event": "31ac3d2c14cecbca",
        "mitmproxy.addons.proxyserver:Proxyserver.register_connection": "5931cda9c5173a73",
        "mitmproxy.proxy.layer:Layer.handle_event": "8477335124af6b29",
        "mitmproxy.proxy.mode_servers:ProxyConnectionHandler.handle_hook": "ed5dcb7ade7e07a5",
        "mitmproxy.proxy.server:ConnectionHandler.server_event": "ffbed451b4933f30",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection": "f9faab6ad3ed5b81",
        "mitmproxy.proxy.server:ConnectionHandler.drain_writers": "ebc2aaba7eb47e24",
        _HTTP + ":HttpStream.__init__": "c02d2dec3ce11192",
        _HTTP + ":HttpStream.state_wait_for_request_headers": "9cdaef99dc08cac5",
        _HTTP + ":HttpStream.check_killed": "ce8162a91be58671",
        _HTTP + ":HttpStream.send_response": "7b4e06f13036edbe",
        _HTTP + ":HttpStream.make_server_connection": "35c7cfe84ad70551",
        _HTTP + "._http1:Http1Client.send": "842d330b8f0219fc",
        _HTTP + "._http2:Http2Client._handle_event": "5f171af55ea44bf0",
        _HTTP + "._http_h2:BufferedH2Connection.send_data": "b7adaec796f2b70f",
        _HTTP + ":HttpStream.state_consume_request_body": "a1688b5f89b2417d",
        _HTTP + ":HttpStream.flow_done": "ef4e03482aa25299",
        _HTTP + ":HttpStream.handle_protocol_error": "16ebb14649f2940b",
        _HTTP + ":HttpLayer._handle_event": "f675d84e3db32385",
        _HTTP + ":HttpLayer.make_stream": "65849da2d51c8719",
        _HTTP + "._http1:Http1Connection.read_body": "9d64abb7fef741e6",
        _HTTP + "._http1:Http1Server": "9e550fe0dd2d4d1a",
        "mitmproxy.proxy.layers.modes:Socks5Proxy.state_greet": "a40f723d1eb95c59",
        "mitmproxy.proxy.layers.modes:Socks5Proxy.state_auth": "520b9d25146a92b2",
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
    read: dict[str, _Source | None] = {}  # each file once: 35 ms instead of 120
    for place, wanted in known.items():
        found = digest(place, read)
        if found != wanted:
            what = "has another" if found else "has no"
            name = place.replace(":", ".")
            msg = (
                f"mitmproxy {mitmproxy.version.VERSION} {what} {name} than this door was made for, "
                "and it could let traffic pass unread: install the version that requirements.lock names"
            )
            raise ValueError(msg)


def digest(place: str, read: dict[str, _Source | None] | None = None) -> str:
    """Return the digest of the source of ``module:name.name``; empty: there is none.

    From the file, not from memory, where this door has replaced what it means to check. ``read``: files that
    have been read already, by module; this one is added.
    """
    module, _, names = place.partition(":")
    read = {} if read is None else read
    if module not in read:
        read[module] = _source(module)
    source = read[module]
    if source is None:
        return ""
    node: ast.AST | None = source.tree
    for name in names.split("."):
        node = _member(node, name)
    return hashlib.sha256(source.segment(node)).hexdigest()[:16] if node is not None else ""


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of Python."""

    lines: list[bytes]
    tree: ast.Module

    def segment(self, node: ast.AST) -> bytes:
        """Return a definition as it is written (``ast.get_source_segment`` splits the file each time)."""
        assert isinstance(node, _DEFINITIONS)  # noqa: S101 - for the type checker
        assert node.end_lineno is not None  # noqa: S101 - as above
        lines = self.lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"\n".join(lines)


def _source(module: str) -> _Source | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).read_text("utf-8")
    return _Source(text.encode().split(b"\n"), ast.parse(text))


def _member(parent: ast.AST | None, name: str) -> ast.AST | None:
    definitions = (node for node in getattr(parent, "body", ()) if isinstance(node, _DEFINITIONS))
    return next((node for node in definitions if node.name == name), None)
