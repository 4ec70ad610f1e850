"""Why a notice was not delivered, in words without any value, address or secret."""

from __future__ import annotations

import contextlib
import http.client
import smtplib
import socket
import ssl
from collections.abc import Iterator


class Unreachable(Exception):  # noqa: N818 - a state of the receiver
    """The receiver is away, overloaded or broken: others for it wait too."""


class Refused(Exception):  # noqa: N818 - as above
    """The receiver took the notice and said no."""


FINAL = 500
"""From here on an answer of SMTP means no, below it later: RFC 5321, 4.2.1."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what the libraries raise into the two above. What a server said is dropped, it may quote."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:  # those of smtplib and ssl are OSErrors
        raise _trouble(error) from None


def _trouble(error: Exception) -> Unreachable | Refused:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Unreachable("it does not take user and password")
    if isinstance(error, smtplib.SMTPResponseException):
        return _answered(error.smtp_code, "it answered")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _answered(next(iter(error.recipients.values()))[0], "it does not take the address:")
    return Unreachable(_why(error))


def _answered(code: int, what: str) -> Unreachable | Refused:
    return (Refused if code >= FINAL else Unreachable)(f"{what} {code}")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return str(getattr(error, "strerror", None) or type(error).__name__)
