"""Who is told: a webhook, a syslog server, a mailbox. Addresses only; each secret is in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, model_validator

from exfilter.loopback import is_here
from exfilter.policy.mistakes import mistake


def _secret_file(name: str) -> str:
    if not name:
        reason = "an empty path; name a file of mode 0600, or remove the key"
        raise mistake(reason)
    return name


def _address(text: str, *schemes: str) -> str:
    parts = _split(text)
    if parts is None or parts.scheme not in schemes or not parts.hostname:
        choices = ", ".join(f"{scheme}://" for scheme in schemes)
        reason = f"not an address; write one that begins with {choices} and names a host"
        raise mistake(reason)
    if "@" in parts.netloc:
        reason = "no user or password in an address, it would be seen; put the secret into a file of its own"
        raise mistake(reason)
    return text


def _webhook(text: str) -> str:
    parts = urlsplit(_address(text, "https", "http"))
    if parts.scheme == "http" and not is_here(parts.hostname):
        reason = "plain http leads to this machine only; write https://"
        raise mistake(reason)
    return text


def _server(text: str, *schemes: str) -> str:
    parts = urlsplit(_address(text, *schemes))
    if parts.path.strip("/") or parts.query or parts.fragment:
        reason = "more than a host and a port; remove what follows them"
        raise mistake(reason)
    return text


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if text.isascii() and text.isprintable() and " " not in text else None


def _mailbox(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if not local or not domain or not text.isprintable() or any(sign in text for sign in ' ,;<>"()'):
        reason = "not one address of a mailbox; write it as duty@corp.example"
        raise mistake(reason)
    return text


File = Annotated[StrictStr, AfterValidator(_secret_file)]
"""Relative to the folder of the policy."""
Mailbox = Annotated[StrictStr, AfterValidator(_mailbox)]


class _Receiver(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    ca_file: File | None = None
    """The only authorities that it is trusted by. None: the system's."""

    @property
    def host(self) -> str:
        """Name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int | None:
        """None: the usual one."""
        return urlsplit(self.url).port


class Webhook(_Receiver):
    """A URL that JSON is posted to, signed."""

    kind: Literal["webhook"]
    url: Annotated[StrictStr, AfterValidator(_webhook)]
    key_file: File
    """A line ``whsec_...``."""


class Syslog(_Receiver):
    """A collector of logs."""

    kind: Literal["syslog"]
    url: Annotated[StrictStr, AfterValidator(lambda text: _server(text, "tls", "tcp", "udp"))]
    format: Literal["cef", "ocsf"] = "cef"


class Mail(_Receiver):
    """A mailbox, by way of a mail server."""

    kind: Literal["mail"]
    url: Annotated[StrictStr, AfterValidator(lambda text: _server(text, "smtp", "smtps"))]
    sender: Mailbox
    to: Mailbox
    user: StrictStr = ""
    """Empty: the server asks for none."""
    password_file: File | None = None

    @model_validator(mode="after")
    def _password_of_a_user(self) -> Self:
        if bool(self.user) != bool(self.password_file):
            reason = "user and password_file belong together; add the other one"
            raise mistake(reason, "user" if self.user else "password_file")
        return self


Receiver = Annotated[Webhook | Syslog | Mail, Field(discriminator="kind")]


def beside(policy: Path, file: str) -> Path:
    """Return where a file is that a policy names."""
    return policy.parent / file
