"""Flows become transfers as they were sent, and a dump yields what is whole of it."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils

from exfilter import flows
from exfilter.captures import Captured, Place, Unread
from exfilter.captures.captured import LARGEST
from exfilter.model import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from mitmproxy.flow import Flow
    from mitmproxy.http import HTTPFlow


def dump(*content: Flow) -> bytes:
    out = io.BytesIO()
    writer = FlowWriter(out)
    for each in content:
        writer.add(each)
    return out.getvalue()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "capture.mitm"
    path.write_bytes(data)
    return path


def request(**changes: object) -> HTTPFlow:
    return tflow.tflow(req=tutils.treq(**changes))


def read(path: Path) -> list[Captured | Unread]:
    """Return what a dump yields, as a replay reads it."""
    data, items = path.read_bytes(), list[Captured | Unread]()
    for place in flows.places(path):
        if isinstance(place, Unread):
            items.append(place)
        else:
            items += flows.captured(data[place.start : place.start + place.length], place.name)
    return items


def test_a_request_keeps_its_raw_body_and_every_header_in_order() -> None:
    headers = Headers(((b"A", b"1"), (b"b", b"\xe9"), (b"A", b"2"), (b"content-encoding", b"gzip")))
    sent = tflow.tflow(
        req=tutils.treq(content=b"not gzip", headers=headers, trailers=Headers(((b"t", b"3"),)))
    )
    transfer = flows.from_request(sent, "proxy")
    assert transfer.body == b"not gzip"
    assert transfer.headers == (("A", "1"), ("b", "é"), ("A", "2"), ("content-encoding", "gzip"))
    assert transfer.trailers == (("t", "3"),)
    assert transfer.time == sent.request.timestamp_start


def test_the_destination_is_where_the_connection_goes_not_what_the_host_header_says() -> None:
    sent = tflow.tflow(req=tutils.treq(host="Upload.Example.", headers=((b"host", b"crm.example"),)))
    assert flows.from_request(sent, "proxy").destination == "upload.example"


def test_the_actor_is_the_proxy_user_and_never_the_password() -> None:
    sent = tflow.tflow()
    sent.metadata["proxyauth"] = ("anna", "swordfish")
    transfer = flows.from_request(sent, "proxy")
    assert transfer.actor == "anna"
    assert "swordfish" not in repr(transfer)


def test_without_proxy_user_the_actor_is_the_clients_address() -> None:
    assert flows.from_request(tflow.tflow(), "proxy").actor == "127.0.0.1"


def test_whoever_takes_another_ipv6_address_for_each_request_is_one_actor() -> None:
    sent = [tflow.tflow() for _ in range(3)]
    for number, each in enumerate(sent):
        each.client_conn.peername = (f"2001:db8::{number:x}:1", 50_000 + number)
    assert {flows.from_request(each, "proxy").actor for each in sent} == {"2001:db8::/64"}


def test_a_dump_yields_requests_and_what_clients_said_on_websockets(tmp_path: Path) -> None:
    path = written(tmp_path, dump(request(content=b"first"), tflow.twebsocketflow()))
    items = [item for item in read(path) if isinstance(item, Captured)]
    assert [item.place for item in items] == ["flow 1", "flow 2", "flow 2 message 1", "flow 2 message 2"]
    assert [item.transfer.body for item in items] == [b"first", b"", b"hello binary", b"hello text"]
    assert {item.transfer.door for item in items} == {"replay"}
    assert items[2].transfer.method == flows.WEBSOCKET


def test_users_survive_a_dump(tmp_path: Path) -> None:
    sent = tflow.tflow()
    sent.metadata["proxyauth"] = ("anna", "swordfish")
    (item,) = read(written(tmp_path, dump(sent)))
    assert isinstance(item, Captured)
    assert item.transfer.actor == "anna"


def test_raw_connections_and_names_in_a_dump_are_transfers_too(tmp_path: Path) -> None:
    path = written(tmp_path, dump(tflow.ttcpflow(), tflow.tudpflow(), tflow.tdnsflow()))
    items = [item for item in read(path) if isinstance(item, Captured)]
    assert [item.transfer.method for item in items] == ["TCP", "UDP", "DNS"]
    assert [item.transfer.body for item in items] == [b"hello", b"hello", b"dns.google"]


def test_a_body_that_was_not_captured_is_unscanned_not_empty(tmp_path: Path) -> None:
    sent = request(headers=((b"content-length", b"77"),))
    sent.request.raw_content = None
    (item,) = read(written(tmp_path, dump(sent)))
    assert isinstance(item, Captured)
    assert [(each.reason, each.bytes) for each in item.missing] == [(Reason.OPAQUE, 77)]


@given(kept=st.integers(0, 3), share=st.floats(0.01, 0.99))
def test_a_dump_that_breaks_off_yields_what_is_whole_and_says_so(
    tmp_path_factory: pytest.TempPathFactory, kept: int, share: float
) -> None:
    whole = [dump(request(content=b"%d" % number)) for number in range(kept + 1)]
    cut = max(1, int(len(whole[-1]) * share))
    data = b"".join(whole[:-1]) + whole[-1][:cut]
    *read, last = read(written(tmp_path_factory.mktemp("dump"), data))
    assert [item.transfer.body for item in read if isinstance(item, Captured)] == [
        b"%d" % number for number in range(kept)
    ]
    assert isinstance(last, Unread)
    assert f"at byte {len(data) - cut} of {len(data)}: {kept} whole flows" in last.why


def test_a_forged_length_costs_no_memory(tmp_path: Path) -> None:
    data = dump(request()) + b"999999999999:x"
    *_, last = read(written(tmp_path, data))
    assert isinstance(last, Unread)
    assert f"at byte {len(data) - 14} of" in last.why


def test_a_flow_that_claims_to_be_huge_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.mitm"
    size = LARGEST + 1000
    head = b"%d:" % size
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + size)
        file.write(b"}" + dump(request()))
    first, second = flows.places(path)
    assert isinstance(first, Unread)
    assert isinstance(second, Place)


def test_a_damaged_flow_is_named_and_those_after_it_are_read(tmp_path: Path) -> None:
    first, second = dump(request()), dump(request())
    items = read(written(tmp_path, first + second.replace(b"7:request", b"7:riquest") + first))
    assert [isinstance(each, Unread) for each in items] == [False, True, False]
    assert [each.place for each in items] == ["flow 1", "flow 2", "flow 3"]


def test_an_empty_dump_has_no_transfers(tmp_path: Path) -> None:
    assert list(read(written(tmp_path, b""))) == []


def test_a_dump_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    newer = dump(request()).replace(b"7:version;2:21#", b"7:version;2:99#")
    with pytest.raises(ValueError, match="not known here"):
        list(read(written(tmp_path, newer)))


@given(st.binary(max_size=300))
def test_hostile_bytes_end_in_a_value_or_a_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("dump"), b"%d:" % len(noise) + noise)
    try:
        items = list(read(path))
    except ValueError:
        return
    assert all(isinstance(item, Captured | Unread) for item in items)
