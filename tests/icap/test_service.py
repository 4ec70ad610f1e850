"""The service fails closed: only what it judged goes on, and no sender can make it an error of ICAP."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, cast

import pytest

from exfilter.door.pool import BusyError, LostError
from exfilter.door.spool import Spool
from exfilter.icap import link
from exfilter.icap.asked import unknown
from exfilter.model import Action, Reason
from exfilter.who.networks import Networks
from tests.addons.fakes import SECRET, Door, Scanner, verdict
from tests.icap.asking import Client, Reply, chunked, post, reqmod, talk
from tests.icap.test_intake import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exfilter.icap.service import Service
    from exfilter.model import Expired, Transfer, Verdict

CLEAN = b"name=value"
LEAK = b"to=" + SECRET
OPTIONS = b"OPTIONS icap://here/reqmod ICAP/1.0\r\nHost: here\r\n\r\n"
NOWHERE = Networks.parse(["192.0.2.1"])


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Let no test leave a body behind."""
    before = Spool.stored, Spool.held
    yield
    assert (Spool.stored, Spool.held) == before


def asked(door: Door, data: bytes, **options: object) -> Reply:
    """Ask once."""
    replies = []

    async def once(client: Client) -> None:
        replies.append(await client.ask(data))

    talk(door, once, **options)  # type: ignore[arg-type]
    return replies[0]


class Raising(Scanner):
    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:  # noqa: ARG002
        raise OSError


class Passing(Scanner):
    """Looks at nothing."""

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        del transfer, expired
        return verdict(Action.ALLOW)


class Slow(Scanner):
    """Judges when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.told = threading.Event(), threading.Event()

    def examine(self, transfer: Transfer, expired: Expired) -> Verdict:
        self.begun.set()
        assert self.told.wait(10)
        return super().examine(transfer, expired)


def test_what_is_clean_may_go_on_as_it_is_after_its_journal_line() -> None:
    door = Door()
    reply = asked(door, reqmod(post(), CLEAN))
    assert reply.status == 204
    assert [(line["held"], line["method"]) for line in door.journal.lines] == [(False, "POST")]


@pytest.mark.parametrize("body", [CLEAN, None, b"", b"x" * 70_000])
def test_whoever_must_have_it_back_gets_the_very_same(body: bytes | None) -> None:
    head = post(X_Odd="  two  blanks\t", x_ODD="again")
    reply = asked(Door(), reqmod(head, body, allow="", trailers=b"X-Sum: 1\r\n"))
    assert reply.status == 200
    assert (reply.http, reply.body) == (head, body or b"")
    assert reply.trailers == (b"" if body is None else b"X-Sum: 1\r\n")


@pytest.mark.parametrize("allow", ["204", ""])
def test_what_is_held_is_answered_with_a_page_and_an_id(allow: str) -> None:
    door = Door()
    reply = asked(door, reqmod(post(), LEAK, allow=allow))
    assert (reply.status, reply.http_status) == (200, 403)
    assert b"X-Exfilter-Transfer: t1\r\n" in reply.http
    assert b"room 5" in reply.body
    assert SECRET not in reply.http + reply.body
    assert [transfer.body for transfer, _ in door.quarantine.held] == [LEAK]


@pytest.mark.parametrize(
    "data",
    [
        reqmod(post(Referer="http://x.example/?" + SECRET.decode())),
        reqmod(post(), CLEAN, trailers=b"X-Note: " + SECRET + b"\r\n"),
        reqmod(b"GET http://x.example/?q=" + SECRET + b" HTTP/1.1\r\n\r\n"),
        reqmod(b"CONNECT x.example:443 HTTP/1.1\r\nX: " + SECRET + b"\r\n\r\n"),
    ],
    ids=["header", "trailer", "url", "tunnel"],
)  # fmt: skip
def test_everything_around_a_body_is_judged_too(data: bytes) -> None:
    assert asked(Door(), data).http_status == 403


def test_a_request_for_a_head_gets_one() -> None:
    reply = asked(Door(), reqmod(b"HEAD http://x.example/?q=" + SECRET + b" HTTP/1.1\r\n\r\n"))
    assert reply.http_status == 403
    assert "null-body" in reply.head["encapsulated"]


def test_a_password_for_the_proxy_is_neither_judged_nor_kept_and_goes_back() -> None:
    door = Door()
    head = post(Proxy_Authorization="Basic " + SECRET.decode())
    assert asked(door, reqmod(head, CLEAN, allow="")).http == head
    assert not any(name.lower() == "proxy-authorization" for name, _ in door.scanner.seen[0].headers)


@pytest.mark.parametrize(
    "data",
    [
        reqmod(post(), CLEAN, trailers=b"Proxy-Authorization: " + SECRET + b"\r\n"),
        reqmod(b"GET http://x.example/ HTTP/1.1\r\nProxy-Authorization : " + SECRET + b"\r\n\r\n"),
    ],
    ids=["trailer", "blank"],
)  # fmt: skip
def test_what_a_proxy_may_not_know_for_a_password_is_none(data: bytes) -> None:
    assert asked(Door(), data).http_status in {400, 403}


def preview(body: bytes, *, whole: bool, allow: str = "") -> bytes:
    """Return a request with the beginning of its body."""
    fields = f"Preview: {len(body)}\r\n"
    data = reqmod(post(), body, allow=allow, fields=fields)
    return data.removesuffix(b"0\r\n\r\n") + (b"0; ieof\r\n\r\n" if whole else b"0\r\n\r\n")


def test_what_is_whole_in_its_preview_need_not_be_sent_back() -> None:
    assert asked(Door(), preview(CLEAN, whole=True)).status == 204
    assert asked(Door(), preview(LEAK, whole=True)).http_status == 403


@pytest.mark.parametrize(("allow", "status"), [("204", 204), ("", 200)])
def test_the_rest_behind_a_preview_is_asked_for_and_judged(allow: str, status: int) -> None:
    async def both(client: Client) -> None:
        for rest, held in ((b"&more=1", False), (b"&to=" + SECRET, True)):
            assert (await client.ask(preview(CLEAN, whole=False, allow=allow))).status == 100
            reply = await client.ask(chunked(rest) + b"0\r\n\r\n")
            assert reply.status == (200 if held else status)
            if held:
                assert reply.http_status == 403
            elif status == 200:
                assert reply.body == CLEAN + rest

    talk(Door(), both)


def test_one_after_the_other_on_one_connection_also_in_one_go() -> None:
    async def many(client: Client) -> None:
        client.writer.write(b"".join(reqmod(post(), each) for each in (CLEAN, LEAK, CLEAN)))
        found = [await client.reply() for _ in range(3)]
        assert [reply.status for reply in found] == [204, 200, 204]
        assert found[1].http_status == 403

    talk(Door(), many)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET http://allowed.example\\@evil.example/ HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", 400),
        (b"post http://x.example/ HTTP/1.1\r\n\r\n", 405),
        (b"GET http://x.example/" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
@pytest.mark.parametrize("body", [None, CLEAN])
def test_what_a_sender_does_wrong_gets_a_page_and_a_line_and_is_no_error_of_icap(
    head: bytes, status: int, body: bytes | None
) -> None:
    door = Door()
    reply = asked(door, reqmod(head, body))
    assert (reply.status, reply.http_status) == (200, status)
    assert [line["held"] for line in door.journal.lines] == [True]


def test_a_body_that_is_too_large_is_refused_and_a_line_says_so() -> None:
    door = Door()
    reply = asked(door, reqmod(post(), b"x" * 5_000), limit=4_999)
    assert (reply.status, reply.http_status) == (200, 413)
    assert [line["held"] for line in door.journal.lines] == [True]


def test_a_scan_that_raises_lets_nothing_pass() -> None:
    assert asked(Door(Raising()), reqmod(post(), CLEAN)).http_status == 403


def test_without_anybody_who_could_record_it_nothing_passes() -> None:
    door = Door()
    door.journal.full = door.quarantine.full = OSError()
    assert asked(door, reqmod(post(), CLEAN)).http_status == 503


def test_a_defect_of_the_desk_lets_nothing_pass() -> None:
    door = Door()
    door.pool.lost = [RuntimeError()]
    reply = asked(door, reqmod(post(), CLEAN))
    assert (reply.status, reply.http_status) == (200, 503)


def test_a_worker_that_dies_is_no_way_out() -> None:
    door = Door()
    door.pool.lost = [LostError(Reason.MALFORMED)]
    assert asked(door, reqmod(post(), CLEAN)).http_status == 403


def test_where_too_many_wait_the_proxy_is_told_that_the_service_is_overloaded() -> None:
    door = Door()
    door.pool.lost = [BusyError()]
    reply = asked(door, reqmod(post(), CLEAN))
    assert reply.line == "ICAP/1.0 503 Service Overloaded"


async def another(client: Client) -> Client:
    """Return a second client of the same service."""
    return Client(*await asyncio.open_connection(*client.writer.get_extra_info("peername")[:2]))


@pytest.mark.parametrize("is_large", [False, True])
def test_a_defect_in_audit_lets_pass_what_is_whole_and_nothing_else(is_large: bool) -> None:  # noqa: FBT001
    door = Door(audit_only=True)
    door.pool.lost, door.recorders.lost = [RuntimeError()], [RuntimeError()]
    reply = asked(door, reqmod(post(), b"x" * 5_000, allow=""), limit=4_999 if is_large else 5_000)
    assert (reply.http_status if is_large else reply.body) == (503 if is_large else b"x" * 5_000)


@pytest.mark.parametrize("audit_only", [False, True])
def test_trailers_that_are_too_large_are_not_left_out(audit_only: bool) -> None:  # noqa: FBT001
    trailers = b"X: " + b"x" * 70_000 + b"\r\n"
    door = Door(audit_only=audit_only)
    assert asked(door, reqmod(post(), CLEAN, allow="", trailers=trailers)).http_status == 501
    assert [line["held"] for line in door.journal.lines] == [True]


def test_what_breaks_off_on_its_way_back_ends_with_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(client: Client) -> None:
        client.writer.write(reqmod(post(), b"x" * 3_000_000, allow=""))
        async with asyncio.timeout(10):
            sent = await client.reader.read(-1)
        assert sent.count(b"ICAP/1.0 ") == 1
        assert b"\r\n0\r\n" not in sent

    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: b"" if at else pread(file, size, at))
    talk(Door(Passing()), cut, limit=10_000_000)


def test_whoever_takes_nothing_of_an_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "STUCK", 0.2)
    services: list[Service] = []

    async def stuck(client: Client) -> None:
        cast("asyncio.Transport", client.writer.transport).pause_reading()
        client.writer.write(reqmod(post(), b"x" * 30_000_000, allow=""))
        await until(lambda: services[0].crowd.held == 1)
        await until(lambda: services[0].crowd.held == 0)

    talk(Door(), stuck, limit=50_000_000, heard=services.append)


class Crowded(Door):
    """Has one request waiting for a worker; whoever comes next is one too many."""

    def __init__(self) -> None:
        self.slow = Slow()
        super().__init__(self.slow)

    async def asks(self, sender: str, client: Client) -> Reply:
        """Ask for one who has nothing under way, or for him who waits, and let that one have his answer."""
        client.writer.write(reqmod(post(), CLEAN, fields="X-Client-Username: anna\r\n"))
        assert await asyncio.to_thread(self.slow.begun.wait, 10)
        self.pool.lost = [BusyError()]
        other = await another(client)
        reply = await other.ask(reqmod(post(), LEAK, fields=f"X-Client-Username: {sender}\r\n"))
        other.writer.close()
        self.slow.told.set()
        assert (await client.reply()).status == 204
        return reply


@pytest.mark.parametrize("connections", [1, 100])
def test_nobody_who_makes_the_overload_gets_an_error_of_icap_by_it(connections: int) -> None:
    async def many(client: Client) -> None:
        reply = await door.asks("anna", client)
        assert (reply.status, reply.http_status) == (200, 503)
        assert b"Many transfers are being checked" in reply.body

    door = Crowded()
    talk(door, many, connections=connections)
    assert [line["held"] for line in door.journal.lines] == [True, False]


@pytest.mark.parametrize("connections", [1, 100])
def test_whoever_asks_once_is_told_of_the_overload(connections: int) -> None:
    async def two(client: Client) -> None:
        assert (await door.asks("berta", client)).line == "ICAP/1.0 503 Service Overloaded"

    door = Crowded()
    talk(door, two, connections=connections)


def test_one_connection_more_than_there_may_be_is_told_so() -> None:
    async def two(client: Client) -> None:
        assert (await client.ask(preview(CLEAN, whole=False, allow="204"))).status == 100
        upload = reqmod(post(), CLEAN, fields="X-Client-Username: berta\r\n")
        for request in (upload, OPTIONS, respmod(b"x", "Allow: 204\r\n")):
            other = await another(client)
            assert (await other.ask(request)).line == "ICAP/1.0 503 Service Overloaded"
            assert await other.is_closed()
            other.writer.close()
        assert (await client.ask(b"0\r\n\r\n")).status == 204

    talk(Door(), two, connections=1)


def test_who_has_asked_nothing_for_the_longest_time_makes_room() -> None:
    async def three(first: Client) -> None:
        second = await another(first)
        for client in (second, first):
            assert (await client.ask(reqmod(post(), CLEAN))).status == 204
        third = await another(first)
        for client in (third, first):
            assert (await client.ask(reqmod(post(), CLEAN))).status == 204
        assert await second.is_closed()
        third.writer.write(reqmod(post(), CLEAN)[:50])
        fourth = await another(first)
        for client in (fourth, first):
            assert (await client.ask(reqmod(post(), CLEAN))).status == 204
        assert await third.is_closed()
        for client in (second, third, fourth):
            client.writer.close()

    talk(Door(), three, connections=2)


def test_a_head_has_to_come_in_time() -> None:
    async def slow(client: Client) -> None:
        for sign in reqmod(post(), CLEAN)[:20]:
            client.writer.write(bytes([sign]))
            await asyncio.sleep(0.05)
        assert await client.is_closed()

    talk(Door(), slow, patience=0.3)


def test_whoever_stops_in_the_middle_is_answered_and_left() -> None:
    async def slow(client: Client) -> None:
        reply = await client.ask(reqmod(post(), CLEAN).removesuffix(b"0\r\n\r\n"))
        assert (reply.status, reply.http_status) == (200, 503)
        assert await client.is_closed()

    talk(Door(), slow, patience=0.2)


def test_whoever_goes_in_the_middle_has_sent_nothing() -> None:
    door = Door()

    async def gone(client: Client) -> None:
        client.writer.write(reqmod(post(), CLEAN).removesuffix(b"0\r\n\r\n"))
        client.writer.write_eof()
        assert await client.is_closed()

    talk(door, gone)
    assert not door.scanner.seen


def test_a_sender_who_gives_up_is_no_error_of_the_door(caplog: pytest.LogCaptureFixture) -> None:
    async def reset(client: Client) -> None:
        client.writer.write(reqmod(post(), CLEAN).removesuffix(b"0\r\n\r\n"))
        await asyncio.sleep(0.1)
        now = struct.pack("ii", 1, 0)  # with a reset, as Squid does
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        client.writer.transport.abort()
        await asyncio.sleep(0.1)

    door = Door()
    talk(door, reset)
    assert not door.scanner.seen
    assert not caplog.records


def test_who_reads_what_arrives_is_let_go_with_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    door, reader = Door(), Reader()
    begun: list[object] = []

    def begin(*asked: object) -> Reader:
        begun.append(asked)
        return reader

    monkeypatch.setattr(door.pool, "begin", begin)

    async def gone(client: Client) -> None:
        client.writer.write(reqmod(post(), b"x" * 6_000_000).removesuffix(b"0\r\n\r\n"))
        await until(lambda: bool(begun))
        client.writer.transport.abort()
        await until(lambda: reader.is_gone)

    talk(door, gone, limit=10_000_000)
    assert not door.scanner.seen


def test_audit_only_lets_pass_whatever_can_still_be_sent() -> None:
    big = reqmod(post(), b"x" * 5_000)
    assert asked(Door(audit_only=True), reqmod(post(), LEAK)).status == 204
    assert asked(Door(Raising(), audit_only=True), reqmod(post(), LEAK, allow="")).body == LEAK
    assert asked(Door(audit_only=True), big, limit=4_999).status == 204
    kept_nowhere = reqmod(post(), b"x" * 5_000, allow="")
    assert asked(Door(audit_only=True), kept_nowhere, limit=4_999).http_status == 413


def test_a_release_holds_again_where_its_sender_went_before_anything_was_said() -> None:
    scanner = Slow()
    door = Door(scanner)
    door.quarantine.released.add(LEAK)

    async def gone(client: Client) -> None:
        client.writer.write(reqmod(post(), LEAK))
        assert await asyncio.to_thread(scanner.begun.wait, 10)
        client.writer.close()
        await asyncio.sleep(0.1)
        scanner.told.set()
        await until(lambda: bool(door.quarantine.redeemed) and LEAK in door.quarantine.released)

    talk(door, gone)


def test_a_release_by_which_a_part_was_sent_is_used_up(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    body = LEAK + b"x" * 3_000_000
    door.quarantine.released.add(body)
    services: list[Service] = []

    async def gone(client: Client) -> None:
        client.writer.write(reqmod(post(), body, allow=""))
        await client.reader.readuntil(LEAK)
        client.writer.transport.abort()
        await until(lambda: services[0].crowd.held == 0)

    talk(door, gone, limit=10_000_000, heard=services.append)
    assert not door.quarantine.released
    assert not caplog.records


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - in a fake
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("fields", "actor"),
    [
        ("X-Client-IP: 192.0.2.7\r\nX-Client-Username: anna\r\n", "anna"),
        ("X-Client-IP: 192.0.2.7\r\n", "192.0.2.7"),
        ("", "127.0.0.1"),
    ],
)
def test_who_sends_is_whom_a_trusted_proxy_names(fields: str, actor: str) -> None:
    door, stranger = Door(), Door()
    asked(door, reqmod(post(), CLEAN, fields=fields + "X-Authenticated-Groups: Sales\r\n"))
    asked(stranger, reqmod(post(), CLEAN, fields=fields), trusted=NOWHERE)
    assert (door.scanner.seen[0].actor, door.scanner.seen[0].groups) == (actor, frozenset({"sales"}))
    assert (stranger.scanner.seen[0].actor, stranger.scanner.seen[0].groups) == ("127.0.0.1", frozenset())


def test_a_name_that_cannot_be_read_lets_nothing_pass() -> None:
    door = Door()
    fields = "X-Client-Username: anna\r\nX-Client-Username: berta\r\n"
    reply = asked(door, reqmod(post(), CLEAN, fields=fields))
    assert (reply.status, reply.http_status) == (200, 503)
    assert len(door.journal.lines) == 1


def test_of_whom_nothing_can_be_told_the_network_and_the_time_are() -> None:
    sent = unknown("2001:db8::1")
    assert sent.actor == "2001:db8::/64"
    assert abs(sent.time - time.time()) < 60


class Broken(Networks):
    def __contains__(self, address: str) -> bool:
        raise RuntimeError


def test_a_defect_in_reading_a_head_is_no_error_of_icap() -> None:
    door = Door()
    reply = asked(door, reqmod(post(), CLEAN), trusted=Broken())
    assert (reply.status, reply.http_status) == (200, 503)
    assert [line["held"] for line in door.journal.lines] == [True]


def test_what_the_service_is_and_by_what_it_decides() -> None:
    door = Door()
    reply = asked(door, OPTIONS)
    assert reply.status == 200
    assert reply.head["methods"] == "REQMOD"
    assert reply.head["allow"] == "204"
    assert reply.head["transfer-preview"] == "*"
    assert int(reply.head["preview"]) > 0
    assert int(reply.head["max-connections"]) == 100
    judged = asked(door, reqmod(post(), CLEAN))
    assert judged.head["istag"] == reply.head["istag"]


def test_the_tag_is_another_one_where_something_else_decides() -> None:
    async def change(client: Client) -> None:
        first = await client.ask(reqmod(post(), CLEAN))
        client_door.scanner.policy = "policy-2"
        second = await client.ask(reqmod(post(), CLEAN))
        assert first.head["istag"] != second.head["istag"]

    client_door = Door()
    talk(client_door, change)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("OPTIONS icap://here/other ICAP/1.0", 404),
        ("OPTIONS icap://here/reqmod ICAP/2.0", 505),
        ("FETCH icap://here/reqmod ICAP/1.0", 501),
    ],
)
def test_what_a_proxy_does_wrong_is_an_error_of_icap(line: str, status: int) -> None:
    assert asked(Door(), f"{line}\r\nHost: here\r\n\r\n".encode()).status == status


def test_a_client_that_wants_to_close_is_let_go() -> None:
    async def last(client: Client) -> None:
        assert (await client.ask(reqmod(post(), CLEAN, fields="Connection: close\r\n"))).status == 204
        assert await client.is_closed()

    talk(Door(), last)


def respmod(body: bytes, allow: str = "") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    first = f"RESPMOD icap://here/respmod ICAP/1.0\r\nHost: here\r\n{allow}".encode()
    sections = b"Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n"
    asked_for = post()
    places = sections % (len(asked_for), len(asked_for) + len(head))
    return first + places + asked_for + head + chunked(body) + b"0\r\n\r\n"


def test_what_comes_back_is_let_through_unread() -> None:
    door = Door()
    assert asked(door, respmod(LEAK, "Allow: 204\r\n")).status == 204
    reply = asked(door, respmod(LEAK))
    assert (reply.status, reply.http_status, reply.body) == (200, 200, LEAK)
    assert not door.scanner.seen


def test_of_what_comes_back_a_preview_is_enough() -> None:
    async def twice(client: Client) -> None:
        preview = respmod(b"x" * 10, "Preview: 10\r\n")
        for _ in range(2):
            assert (await client.ask(preview)).status == 204
        assert (await client.ask(reqmod(post(), CLEAN))).status == 204

    talk(Door(), twice)


def test_what_comes_back_is_not_cut_off() -> None:
    async def large(client: Client) -> None:
        client.writer.write(respmod(b"x" * 5_000))
        assert await client.is_closed()

    talk(Door(), large, limit=4_999)


def test_what_is_held_when_the_door_closes_has_its_answer_and_who_waits_is_let_go() -> None:
    door = Door()

    async def closing(client: Client) -> None:
        assert (await client.ask(reqmod(post(), CLEAN))).status == 204
        assert service_of[0].crowd.held == 0
        assert (await client.ask(preview(CLEAN, whole=False, allow="204"))).status == 100
        assert service_of[0].crowd.held == 1
        service_of[0].crowd.close()
        assert (await client.ask(b"0\r\n\r\n")).status == 204
        assert await client.is_closed()

    service_of: list[Service] = []
    talk(door, closing, heard=service_of.append)
