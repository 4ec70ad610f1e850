"""Lets a client take a TLS session up again in which it showed a certificate: else OpenSSL breaks it off.

A server that asks for certificates has to name its sessions (SSL_CTX_set_session_id_context); mitmproxy's
contexts have no name.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mitmproxy.net import tls

if TYPE_CHECKING:
    from OpenSSL import SSL

NAME = b"exfilter"

_create = tls.create_client_proxy_context.__wrapped__


class Sessions:
    """Has mitmproxy make contexts with a name."""

    def load(self, _loader: object) -> None:
        """Replace the function: by name, in the one place where mitmproxy looks it up."""
        tls.create_client_proxy_context = _named


@lru_cache(256)
def _named(**given: Any) -> SSL.Context:  # noqa: ANN401 - mitmproxy's own arguments
    context: SSL.Context = _create(**given)
    context.set_session_id(NAME)
    return context
