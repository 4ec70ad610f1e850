"""The way to a cluster: over TLS, with a certificate, or on this machine."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import urlsplit

from exfilter.loopback import is_here

CONNECT = 30.0
"""Seconds until the scheduler must have answered, and have a worker."""
TLS = "tls"


def checked(address: str) -> str:
    """Return the address. Raises ValueError where others on the network could read along or answer."""
    parts = urlsplit(address)
    if parts.scheme == TLS or (parts.scheme == "tcp" and is_here(parts.hostname)):
        return address
    msg = f"{address}: give tls://HOST:PORT, with the certificates in Dask's configuration"
    raise ValueError(msg)


def connected(address: str) -> Any:  # noqa: ANN401 - Dask has no types
    """Return a client of a cluster that has workers. Raises ValueError or OSError with the next step."""
    if not find_spec("distributed"):
        msg = "a cluster needs an extra: run `pip install 'exfilter[shares]'`"
        raise ValueError(msg)
    client = _client(checked(address))
    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except TimeoutError:
        client.close()
        msg = f"{address}: the scheduler has no workers; start some"
        raise OSError(msg) from None
    return client


def _client(address: str) -> Any:  # noqa: ANN401
    import distributed  # noqa: PLC0415 - an extra

    dask = cast("Any", distributed)
    security = dask.Security()
    if address.startswith(f"{TLS}:"):
        _check(security, address)
    elif security.require_encryption:
        msg = f"{address}: Dask's configuration here requires encryption; give tls://HOST:PORT"
        raise ValueError(msg)
    try:
        return dask.Client(address, timeout=CONNECT, set_as_default=False, security=security)
    except (TimeoutError, OSError) as error:
        if _of_certificates(error):
            msg = f"{address}: its certificate or the one here is of another authority, or out of date"
        else:
            msg = f"{address}: no scheduler answers there ({type(error).__name__}); start one, or correct it"
        raise OSError(msg) from None


def _check(security: Any, address: str) -> None:  # noqa: ANN401
    """Raise ValueError where there is no certificate here: Dask would not say so, and not end."""
    try:
        context = security.get_connection_args("client")["ssl_context"]
    except OSError as error:
        msg = f"{address}: the certificates here cannot be read ({error}); correct Dask's configuration"
        raise ValueError(msg) from None
    if context is None:
        msg = (
            f"{address}: there is no certificate here; put ca-file and client.cert into Dask's configuration"
        )
        raise ValueError(msg)


def _of_certificates(error: BaseException | None) -> bool:
    """Whether a connection ended over who is at its ends."""
    while error is not None:
        if "SSL" in str(error) or "SSL" in type(error).__name__:
            return True
        error = error.__cause__ or error.__context__
    return False
