"""Each way to tell others, against a real receiver: what arrives, and what is known when it does not."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import re
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from exfilter.courier import Refused, Unreachable, channel
from exfilter.courier.cef import cef
from exfilter.courier.ocsf import ocsf
from exfilter.courier.webhook import Poster, key_of, signed
from exfilter.policy import Receiver
from tests.courier.conftest import NOTICE
from tests.courier.receivers import KEY, Collector, Hook, MailServer, eventually

if TYPE_CHECKING:
    from pathlib import Path

READ: TypeAdapter[Receiver] = TypeAdapter(Receiver)


def tell(folder: Path, notice: dict[str, Any] = NOTICE, /, **given: str) -> None:
    channel(READ.validate_python(given), folder).deliver(notice)


def hook_of(hook: Hook, **more: str) -> dict[str, str]:
    return {"kind": "webhook", "url": hook.url, "key_file": "soc.key", **more}


class TestWebhook:
    def test_it_arrives_signed(self, folder: Path) -> None:
        with Hook() as hook:
            tell(folder, **hook_of(hook))
        assert hook.notices() == [NOTICE]
        headers, _ = hook.got[0]
        assert (headers["webhook-id"], headers["content-type"]) == ("n-abc", "application/json")

    def test_the_signature_is_that_of_the_reference(self) -> None:
        """The vector of the standard's own libraries."""
        key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        made = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
        assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_it_arrives_over_tls(self, folder: Path, chain: Path) -> None:
        with Hook(chain=chain) as hook:
            tell(folder, **hook_of(hook, ca_file="ca.pem"))
            with pytest.raises(Unreachable, match="certificate is not trusted"):
                tell(folder, **hook_of(hook))
        assert len(hook.notices()) == 1

    @pytest.mark.parametrize(
        ("answer", "means"), [(500, Unreachable), (429, Unreachable), (400, Refused), (302, Refused)]
    )
    def test_an_answer_says_no_or_later(self, folder: Path, answer: int, means: type[Exception]) -> None:
        with Hook([answer]) as hook, pytest.raises(means, match=str(answer)):
            tell(folder, **hook_of(hook))

    def test_no_proxy_of_the_environment_is_asked(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        with Hook() as hook:
            tell(folder, **hook_of(hook))
        assert hook.got

    def test_who_answers_byte_by_byte_is_cut_off(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def drip() -> None:
                wire, _ = server.accept()
                with wire:
                    for sign in b"HTTP/1.1 200 OK\r\n" + b"x" * 1000:
                        try:
                            wire.send(bytes([sign]))
                        except OSError:
                            return
                        time.sleep(0.05)

            threading.Thread(target=drip, daemon=True).start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            begin = time.monotonic()
            with pytest.raises(Unreachable, match="in time"):
                Poster(url, KEY, whole=0.5).deliver(NOTICE)
            assert time.monotonic() - begin < 5

    def test_nobody_there_is_said_without_an_address(self, folder: Path) -> None:
        with pytest.raises(Unreachable) as caught:
            tell(folder, kind="webhook", url="http://127.0.0.1:1/secret-path", key_file="soc.key")
        assert "secret" not in str(caught.value)

    def test_its_key_is_shown_nowhere_and_must_be_private(self, folder: Path) -> None:
        assert "\\x01" not in repr(Poster("http://localhost/", KEY))
        (folder / "soc.key").chmod(0o644)
        with pytest.raises(PermissionError, match="chmod 600"):
            key_of(folder / "soc.key")

    @pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_!!!", "AAAA" * 8])
    def test_what_is_no_key_is_refused_without_its_text(self, folder: Path, text: str) -> None:
        (folder / "soc.key").write_text(text)
        with pytest.raises(ValueError, match="no key of a webhook") as caught:
            key_of(folder / "soc.key")
        assert not text or text not in str(caught.value).replace("whsec_ and", "")


FRAME = re.compile(
    r"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00) ([!-~]+) exfilter (\d+) (\w+) - (.*)"
)
"""RFC 5424, 6."""


class TestSyslog:
    @pytest.mark.parametrize("kind", ["udp", "tcp", "tls"])
    @pytest.mark.parametrize("style", ["cef", "ocsf"])
    def test_it_arrives_in_one_frame(self, folder: Path, chain: Path, kind: str, style: str) -> None:
        given = {"ca_file": "ca.pem"} if kind == "tls" else {}
        with Collector(kind, chain if kind == "tls" else None) as collector:
            tell(folder, kind="syslog", url=collector.url, format=style, **given)
            (message,) = eventually(lambda: list(collector.got))
        match = FRAME.fullmatch(message.decode())
        assert match
        assert (int(match[1]), match[5]) == (13 * 8 + 3, "transfer")
        assert match[6].startswith("CEF:0|exfilter|" if style == "cef" else '{"activity_id":1,')

    def test_a_collector_that_ends_the_connection_has_not_got_it(self, folder: Path) -> None:
        with Collector("tcp", rude=True) as collector, pytest.raises(Unreachable):
            tell(folder, kind="syslog", url=collector.url)

    def test_one_that_is_not_trusted_gets_nothing(self, folder: Path, chain: Path) -> None:
        with Collector("tls", chain) as collector:
            with pytest.raises(Unreachable, match="not trusted"):
                tell(folder, kind="syslog", url=collector.url)
            assert not collector.got


class TestFormats:
    def test_cef_escapes_what_would_end_a_field(self) -> None:
        nasty = NOTICE | {"actor": "a|b=c\\d\ne", "rule": "a=b", "type": "odd|type"}
        line = cef(nasty)
        assert "\n" not in line
        head = re.split(r"(?<!\\)\|", line, maxsplit=7)
        assert len(head) == 8
        assert head[4] == "odd\\|type"
        assert "suser=a|b\\=c\\\\d\\ne dhost=" in head[7]
        assert "cs1Label=rule cs1=a\\=b" in head[7]

    def test_cef_says_what_happened(self) -> None:
        line = cef(NOTICE)
        for part in ("act=quarantine", "cn1Label=customers cn1=60", "externalId=n-abc", "rt=1795348800500"):
            assert f"{part} " in line
        assert line.split("|")[6] == "8"

    def test_ocsf_is_a_data_security_finding_of_1_4_0(self) -> None:
        event = ocsf(NOTICE)
        required = {"activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id"}
        assert required | {"time", "type_uid"} <= event.keys()
        assert (event["class_uid"], event["type_uid"], event["category_uid"]) == (2006, 200601, 2)
        assert (event["action_id"], event["disposition_id"]) == (2, 3)
        assert event["metadata"]["version"] == "1.4.0"
        assert event["time"] == 1795348800500
        json.dumps(event, allow_nan=False)

    def test_ocsf_closes_with_the_suspension(self) -> None:
        lifted = {"id": "n-1", "type": "lifted", "time": NOTICE["time"], "actor": "anna", "by": "eve"}
        event = ocsf(lifted | {"reason": "a mistake", "rule": ""})
        assert (event["activity_id"], event["is_alert"], event["type_uid"]) == (3, False, 200603)


class TestMail:
    def mail(self, server: MailServer, **more: str) -> dict[str, str]:
        names = {"sender": "exfilter@corp.example", "to": "duty@corp.example"}
        return {"kind": "mail", "url": server.url, **names, **more}

    def test_it_arrives_sealed_and_with_a_password(self, folder: Path, chain: Path) -> None:
        given = {"user": "exfilter", "password_file": "mail.password", "ca_file": "ca.pem"}
        with MailServer(chain, password="pass-phrase of mail") as server:
            tell(folder, **self.mail(server, **given))
        assert server.was_sealed
        read = email.message_from_string(server.got[0], policy=email.policy.default)
        assert read["message-id"] == "<n-abc@corp.example>"
        assert "held, 60 customers" in read["subject"]
        assert "many customers" in server.got[0]

    def test_tls_from_the_start(self, folder: Path, chain: Path) -> None:
        with MailServer(chain, sealed=True) as server:
            tell(folder, **self.mail(server, ca_file="ca.pem"))
        assert server.was_sealed
        assert server.got

    def test_a_server_that_is_not_trusted_gets_nothing(self, folder: Path, chain: Path) -> None:
        with MailServer(chain) as server, pytest.raises(Unreachable, match="not trusted"):
            tell(folder, **self.mail(server))
        assert not server.got

    def test_a_wrong_password_is_said_without_it(self, folder: Path, chain: Path) -> None:
        given = {"user": "exfilter", "password_file": "mail.password", "ca_file": "ca.pem"}
        with MailServer(chain, password="another") as server, pytest.raises(Unreachable) as caught:
            tell(folder, **self.mail(server, **given))
        assert "pass-phrase" not in str(caught.value)

    @pytest.mark.parametrize(
        ("answer", "means"), [("550 nobody of that name", Refused), ("450 later", Unreachable)]
    )
    def test_an_answer_says_no_or_later(self, folder: Path, answer: str, means: type[Exception]) -> None:
        with MailServer(refuses=answer) as server, pytest.raises(means, match=f"address: {answer[:3]}"):
            tell(folder, **self.mail(server))

    def test_a_name_can_add_no_header(self, folder: Path) -> None:
        with MailServer() as server:
            tell(folder, NOTICE | {"actor": "a\nBcc: eve@evil.example\n\n"}, **self.mail(server))
        read = email.message_from_string(server.got[0], policy=email.policy.default)
        assert read["bcc"] is None
        assert not [line for line in server.got[0].splitlines() if line.startswith("Bcc")]
