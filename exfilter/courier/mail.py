"""Notices as mail, through a server of the company. TLS is demanded, unless the server is on this machine."""

from __future__ import annotations

import datetime as dt
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from exfilter import private
from exfilter.courier import wires
from exfilter.courier.cef import TITLES
from exfilter.courier.trouble import Unreachable, translated
from exfilter.ledger.noted import one_line
from exfilter.ledger.notices import Notice
from exfilter.loopback import is_here
from exfilter.policy import Mail

PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends notices to one mailbox."""

    receiver: Mail
    trust: ssl.SSLContext
    password: str = field(default="", repr=False)
    whole: float = wires.WHOLE

    @classmethod
    def of(cls, receiver: Mail, password: Path | None, authorities: Path | None) -> Mailer:
        """Read the password. Raises ValueError or OSError."""
        secret = private.read(password).decode().strip() if password else ""
        return cls(receiver, wires.trusting(authorities), secret)

    def deliver(self, notice: Notice) -> None:
        """Send a notice. Raises Unreachable or Refused."""
        with translated():
            host, port = self.receiver.host, self.receiver.port
            scheme = "smtps" if self.receiver.url.startswith("smtps:") else "smtp"
            wire = wires.connected(host, port or PORTS[scheme])
            with wire, wires.bounded(wire, self.whole):
                sealed = scheme == "smtps"
                talk = self.trust.wrap_socket(wire, server_hostname=host) if sealed else wire
                with _Connected(talk, host) as server:
                    self._introduce(server, sealed=sealed)
                    server.send_message(letter(self.receiver, notice))

    def _introduce(self, server: smtplib.SMTP, *, sealed: bool) -> None:
        server.ehlo_or_helo_if_needed()
        if not sealed and (server.has_extn("starttls") or not is_here(self.receiver.host)):
            if not server.has_extn("starttls"):
                why = "it offers no STARTTLS"
                raise Unreachable(why)
            server.starttls(context=self.trust)
            server.ehlo_or_helo_if_needed()
        if self.password:
            server.login(self.receiver.user, self.password)


class _Connected(smtplib.SMTP):
    """A client on a connection that is there already."""

    def __init__(self, wire: socket.socket, host: str) -> None:
        self._wire = wire
        # It would look up its own name, which may take long.
        super().__init__(host, local_hostname="[127.0.0.1]", timeout=wires.PATIENCE)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del host, port, timeout
        return self._wire


def letter(receiver: Mail, notice: Notice) -> EmailMessage:
    """Return a notice as a mail. The id of the message is that of the notice."""
    mail = EmailMessage()
    mail["From"], mail["To"] = receiver.sender, receiver.to
    mail["Subject"] = f"exfilter: {TITLES.get(notice['type'], 'notice')}{_fate(notice)}"
    mail["Date"] = format_datetime(dt.datetime.fromisoformat(notice["time"]))
    mail["Message-ID"] = f"<{notice['id']}@{receiver.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834
    mail.set_content("\n".join(_lines(notice)) + "\n")
    return mail


def _fate(notice: Notice) -> str:
    return f" ({notice['outcome']}, {notice['customers']} customers)" if "outcome" in notice else ""


def _lines(notice: Notice) -> list[str]:
    words = ("time", "actor", "destination", "door", "method", "action", "outcome", "rule", "by", "reason")
    more = ("customers", "transfer_id", "policy", "id")
    told = [(word, str(notice[word])) for word in (*words, *more) if notice.get(word) not in (None, "")]
    lines = [f"{word.replace('_', ' '):<12} {one_line(text)}" for word, text in told]
    if notice.get("transfer_id"):
        lines += ["", f"Look at it with: exfilter quarantine show {notice['transfer_id']}"]
    if notice["type"] == "suspended":
        lines += ["", "Every transfer of this actor is held until: exfilter suspend lift ACTOR --reason WHY"]
    return lines
