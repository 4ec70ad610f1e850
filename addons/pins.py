"""The options of mitmproxy: refused where they lead around the scan, and pinned once the door is open."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import Any

from mitmproxy import ctx
from mitmproxy.exceptions import OptionsError

HARMLESS = frozenset(
    {
        "add_upstream_certs_to_client_chain",
        "block_global",
        "block_list",
        "block_private",
        "cert_passphrase",
        "certs",
        "ciphers_client",
        "ciphers_server",
        "client_certs",
        "connect_addr",
        "dns_name_servers",
        "dns_use_hosts_file",
        "http2",
        "http2_ping_keepalive",
        "key_size",
        "normalize_outbound_headers",
        "onboarding",
        "onboarding_host",
        "request_client_cert",
        "ssl_verify_upstream_trusted_ca",
        "ssl_verify_upstream_trusted_confdir",
        "strip_ech",
        "tcp_timeout",
        "tls_ecdh_curve_client",
        "tls_ecdh_curve_server",
        "tls_version_client_max",
        "tls_version_client_min",
        "tls_version_server_max",
        "tls_version_server_min",
        "upstream_auth",
        "upstream_cert",
        "websocket",
    }
)
"""The options of mitmproxy that may be set. Any other could lead traffic around the scan."""

REASONS = {
    "allow_hosts": "all other hosts would pass without being read",
    "body_size_limit": "set max_body in exfilter.toml instead",
    "client_replay": "it sends recorded requests again",
    "confdir": "set proxy_ca in exfilter.toml instead",
    "connection_strategy": "an eager connection reaches the destination before the verdict",
    "hardump": "it writes bodies in clear",
    "ignore_hosts": "these hosts would pass without being read",
    "listen_host": "use --listen HOST:PORT instead",
    "listen_port": "use --listen HOST:PORT instead",
    "map_local": "it answers with files of this machine",
    "map_remote": "it sends requests to another destination than the one that was judged",
    "mode": "this door is a regular proxy",
    "modify_body": "it changes what was scanned",
    "modify_headers": "it changes what was scanned",
    "proxyauth": "use --auth FILE instead",
    "rawtcp": "raw connections would pass without being read",
    "save_stream_file": "it writes bodies in clear",
    "scripts": "a script can let everything pass",
    "server_replay": "it answers from a recording",
    "ssl_insecure": "a destination's certificate would not be checked; use --upstream-ca FILE instead",
    "store_streamed_bodies": "no body is streamed",
    "stream_large_bodies": "a streamed body has left before its verdict",
    "tcp_hosts": "these hosts would pass without being read",
    "udp_hosts": "these hosts would pass without being read",
    "validate_inbound_headers": "malformed requests are how scanners are led around",
}


def refuse(option: str) -> None:
    """Raise ValueError for an option of mitmproxy that is not known to be harmless."""
    if option not in HARMLESS:
        why = REASONS.get(option, "it is not among those that are known not to lead around the scan")
        msg = f"the option {option} of mitmproxy is refused: {why}"
        raise ValueError(msg)


class Pins:
    """Has every change rolled back that could lead traffic around the scan."""

    def __init__(self) -> None:
        self._pinned: dict[str, Any] = {}

    def running(self) -> None:
        """From now on they stand."""
        self._pinned = {name: option.current() for name, option in ctx.options.items()}

    def configure(self, updated: set[str]) -> None:
        """Raise OptionsError, on which mitmproxy restores the old values."""
        for name in updated & self._pinned.keys():
            if name not in HARMLESS and getattr(ctx.options, name) != self._pinned[name]:
                msg = f"{name} cannot change while the door is open"
                raise OptionsError(msg)
