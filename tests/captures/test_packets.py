"""Packets yield the requests in them, through a real tshark: plain, over TLS, HTTP/2."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hpack import Encoder

from exfilter.captures import Captured, Unread, packets
from exfilter.captures.http2 import PREFACE
from exfilter.model import Reason
from fixtures.packets import CLIENT, REPLY, SERVER, client, conversation, pcap, server, tls

if TYPE_CHECKING:
    from pathlib import Path

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
BODY = b"name,email\n" + b"".join(b"p%d,p%d@example.org\n" % (n, n) for n in range(900))
POST = b"POST /up HTTP/1.1\r\nHost: paste.example\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def read(folder: Path, data: bytes, keys: Path | None = None) -> list[Captured | Unread]:
    path = folder / "day.pcap"
    path.write_bytes(data)
    return list(packets.captured(path, keys))


def only(items: list[Captured | Unread]) -> Captured:
    (item,) = items
    assert isinstance(item, Captured)
    return item


@needs_tshark
def test_a_plain_request_is_a_transfer(tmp_path: Path) -> None:
    item = only(read(tmp_path, pcap(conversation([client(POST), server(REPLY)], 80))))
    transfer = item.transfer
    assert transfer.body == BODY
    assert (transfer.actor, transfer.destination) == (CLIENT, SERVER)
    assert (transfer.method, transfer.url) == ("POST", "http://paste.example/up")
    assert 1_700_000_000 < transfer.time < 1_700_000_001


@needs_tshark
def test_packets_in_disorder_and_sent_again_make_the_same_request(tmp_path: Path) -> None:
    sent = conversation([client(POST)], 80)
    sent[3], sent[4], sent[5] = sent[5], sent[3], sent[4]
    sent[7:7] = [sent[6], sent[3]]
    assert only(read(tmp_path, pcap(sent))).transfer.body == BODY


@needs_tshark
def test_a_lost_packet_is_missed(tmp_path: Path) -> None:
    sent = conversation([client(POST)], 80)
    del sent[5]
    items = [each for each in read(tmp_path, pcap(sent)) if isinstance(each, Captured)]
    assert sum(each.bytes for item in items for each in item.missing) >= 1000


@needs_tshark
def test_tls_is_opened_with_a_key_log_and_unscanned_without(tmp_path: Path) -> None:
    said, keys = tls(POST, "http/1.1", tmp_path)
    data = pcap(conversation(said, 443))
    opened = only(read(tmp_path, data, keys))
    assert opened.transfer.body == BODY
    assert (opened.transfer.destination, opened.transfer.url) == ("paste.example", "https://paste.example/up")
    closed = only(read(tmp_path, data))
    assert [each.reason for each in closed.missing] == [Reason.ENCRYPTED]
    assert closed.missing[0].bytes > len(BODY)


@needs_tshark
def test_http_2_is_read(tmp_path: Path) -> None:
    def frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3) + bytes((kind, flags)) + number.to_bytes(4) + payload

    heads = [(":method", "POST"), (":path", "/up"), (":scheme", "https"), (":authority", "paste.example")]
    head = Encoder().encode([*heads, ("content-type", "text/csv")])
    sent = PREFACE + frame(4, 0, 0, b"") + frame(1, 0, 1, head[:9]) + frame(9, 4, 1, head[9:])
    sent += frame(0, 8, 1, b"\x03" + BODY[:9000] + b"\0" * 3) + frame(0, 1, 1, BODY[9000:])
    said, keys = tls(sent, "h2", tmp_path)
    item = only(read(tmp_path, pcap(conversation(said, 443)), keys))
    assert item.transfer.body == BODY
    assert (item.transfer.method, item.transfer.url) == ("POST", "https://paste.example/up")
    assert ("content-type", "text/csv") in item.transfer.headers


@needs_tshark
def test_what_is_no_http_is_one_transfer(tmp_path: Path) -> None:
    sent = b"EHLO desk.example\r\nMAIL FROM:<a@example.com>\r\n"
    item = only(read(tmp_path, pcap(conversation([client(sent)], 25))))
    assert (item.transfer.method, item.transfer.body) == ("TCP", sent)


@needs_tshark
def test_a_tunnel_is_unscanned(tmp_path: Path) -> None:
    said = [
        client(b"CONNECT paste.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
        client(b"\x16\x03\x01" * 500),
    ]
    first, second = read(tmp_path, pcap(conversation(said, 8080)))
    assert isinstance(first, Captured)
    assert isinstance(second, Captured)
    assert first.transfer.destination == "paste.example"
    assert [(each.reason, each.bytes) for each in second.missing] == [(Reason.ENCRYPTED, 1500)]


@needs_tshark
def test_a_cut_capture_yields_what_is_whole_and_says_so(tmp_path: Path) -> None:
    short = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    first = conversation([client(short)], 80)
    data = pcap([*first, *conversation([client(POST)], 80, 40_001)])
    items = read(tmp_path, data[:-300])
    assert isinstance(items[0], Captured)
    assert items[0].transfer.url == "http://x/a"
    assert isinstance(items[-1], Unread)
    assert "cut short" in items[-1].why


@needs_tshark
def test_a_capture_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    items = read(tmp_path, bytes.fromhex("d4c3b2a1") + b"\xff" * 50)
    assert [type(each) for each in items] == [Unread]


@needs_tshark
def test_secrets_in_a_pcapng_open_it(tmp_path: Path) -> None:
    said, keys = tls(POST, "http/1.1", tmp_path)
    plain, joined = tmp_path / "plain.pcap", tmp_path / "day.pcapng"
    plain.write_bytes(pcap(conversation(said, 443)))
    if shutil.which("editcap") is None:
        pytest.skip("editcap is not installed")
    subprocess.run(["editcap", "--inject-secrets", f"tls,{keys}", plain, joined], check=True, timeout=60)
    assert only(list(packets.captured(joined, None))).transfer.body == BODY


def test_without_tshark_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ValueError, match="apt install tshark"):
        read(tmp_path, pcap([]))
