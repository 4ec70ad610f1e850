"""A HAR file yields its requests; what it left out is unscanned, what is broken is named."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.body import whole
from exfilter.captures import Captured, Place, Unread, har, splitting
from exfilter.captures.captured import LARGEST
from exfilter.model import Reason

if TYPE_CHECKING:
    from pathlib import Path


def entry(url: str = "https://Paste.example:8443/up?x=1", **request: Any) -> dict[str, Any]:  # noqa: ANN401
    about = {"method": "POST", "url": url, "headers": [], "bodySize": -1} | request
    return {"startedDateTime": "2023-11-14T22:13:20.250Z", "request": about, "response": {"content": {}}}


def document(*entries: Any) -> bytes:  # noqa: ANN401
    pages = [{"id": "page", "entries": [{"request": {"url": "no entry"}}]}]
    return json.dumps(
        {"log": {"version": "1.2", "pages": pages, "entries": list(entries), "x": [1]}}
    ).encode()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "day.har"
    path.write_bytes(data)
    return path


def read(path: Path) -> list[Captured | Unread]:
    data, items = path.read_bytes(), list[Captured | Unread]()
    for place in har.places(path):
        if isinstance(place, Unread):
            items.append(place)
        else:
            items += har.captured(data[place.start : place.start + place.length], place.name, "anna")
    return items


def only(folder: Path, **request: Any) -> Captured:  # noqa: ANN401
    (item,) = read(written(folder, document(entry(**request))))
    assert isinstance(item, Captured)
    return item


def test_an_entry_is_a_transfer_with_its_own_time(tmp_path: Path) -> None:
    headers = [{"name": "Content-Type", "value": "text/csv"}]
    item = only(tmp_path, headers=headers, postData={"mimeType": "text/csv", "text": "zoë,1"})
    transfer = item.transfer
    assert transfer.body == "zoë,1".encode()
    assert (transfer.destination, transfer.method, transfer.actor) == ("paste.example", "POST", "anna")
    assert transfer.time == 1_700_000_000.25
    assert transfer.headers == (("Content-Type", "text/csv"),)
    assert (item.place, item.missing) == ("entry 1", ())


def test_a_body_in_base64_is_decoded(tmp_path: Path) -> None:
    body = bytes(range(256))
    text = base64.b64encode(body).decode()
    item = only(tmp_path, postData={"mimeType": "x/y", "text": text, "encoding": "base64"})
    assert item.transfer.body == body


def test_fields_of_a_form_are_read_where_there_is_no_text(tmp_path: Path) -> None:
    params = [{"name": "mail", "value": "a b@example.com"}, {"name": "x", "value": "1&2"}]
    item = only(tmp_path, postData={"mimeType": "application/x-www-form-urlencoded", "params": params})
    assert item.transfer.body == b"mail=a+b%40example.com&x=1%262"
    assert item.missing == ()


def test_a_file_that_the_browser_left_out_is_unscanned(tmp_path: Path) -> None:
    params = [
        {"name": "note", "value": "hello"},
        {"name": "file", "fileName": 'q"3.zip\r\n', "contentType": "a/b"},
    ]
    posted = {"mimeType": "multipart/form-data; boundary=x", "params": params}
    item = only(tmp_path, bodySize=5000, postData=posted)
    body = whole(item.transfer.body)
    assert b"hello" in body
    assert b"q%223.zip  " in body
    ((_, kind),) = [pair for pair in item.transfer.headers if pair[0] == "content-type"]
    assert har.BOUNDARY in kind
    (missing,) = item.missing
    assert missing.reason is Reason.OPAQUE
    assert missing.bytes == 5000 - len(body)


@pytest.mark.parametrize(
    "request_",
    [
        {"bodySize": 77},
        {"headers": [{"name": "Content-Length", "value": "77"}]},
        {"bodySize": 77, "postData": {"mimeType": "x/y"}},
        {"bodySize": 80, "postData": {"mimeType": "x/y", "text": "abc"}},
    ],
)
def test_a_body_that_is_not_there_is_unscanned_not_empty(tmp_path: Path, request_: dict[str, Any]) -> None:
    item = only(tmp_path, **request_)
    assert [(each.reason, each.bytes) for each in item.missing] == [(Reason.OPAQUE, 77)]


def test_of_a_post_nothing_is_known_to_be_empty(tmp_path: Path) -> None:
    assert only(tmp_path).missing
    assert not only(tmp_path, method="GET").missing
    assert not only(tmp_path, bodySize=0).missing


def test_what_was_said_on_a_websocket_is_read(tmp_path: Path) -> None:
    shake = entry("wss://chat.example/", method="GET")
    shake["_webSocketMessages"] = [
        {"type": "send", "time": 1_700_000_001.5, "opcode": 1, "data": "hello"},
        {"type": "receive", "time": 2, "opcode": 1, "data": "no"},
        {"type": "send", "time": "?", "opcode": 2, "data": base64.b64encode(b"\0\1").decode()},
    ]
    items = [each for each in read(written(tmp_path, document(shake))) if isinstance(each, Captured)]
    assert [each.place for each in items] == ["entry 1", "entry 1 message 1", "entry 1 message 2"]
    assert [each.transfer.body for each in items] == [b"", b"hello", b"\0\1"]
    assert [each.transfer.time for each in items] == [1_700_000_000.25, 1_700_000_001.5, 1_700_000_000.25]
    assert items[1].transfer.destination == "chat.example"


def test_a_broken_entry_is_named_and_those_around_it_are_read(tmp_path: Path) -> None:
    data = document(entry(), {"request": 7}, entry(), entry(), 5, "x", None)
    data = data.replace(b'"method": "POST"', b'"method": POST', 1)
    items = read(written(tmp_path, data))
    assert [isinstance(each, Unread) for each in items] == [True, True, False, False]
    assert [each.place for each in items] == ["entry 1", "entry 2", "entry 3", "entry 4"]


def test_a_byte_order_mark_and_bytes_that_are_not_utf_8_are_read(tmp_path: Path) -> None:
    data = document(entry(postData={"mimeType": "text/plain", "text": "caf@"})).replace(b"caf@", b"caf\xe9")
    (item,) = read(written(tmp_path, b"\xef\xbb\xbf" + data))
    assert isinstance(item, Captured)
    assert item.transfer.body == b"caf\xe9"


def test_half_a_surrogate_is_read(tmp_path: Path) -> None:
    (item,) = read(written(tmp_path, document(entry(postData={"mimeType": "", "text": "x\ud800y"}))))
    assert isinstance(item, Captured)
    assert whole(item.transfer.body).startswith(b"x")


def test_an_entry_of_many_bytes_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.har"
    with path.open("wb") as file:
        file.write(b'{"log":{"entries":[{"a":"')
        file.seek(LARGEST + 100)
        file.write(b'"},' + json.dumps(entry()).encode() + b"]}}")
    items = list(har.places(path))
    assert [type(each) for each in items] == [Unread, Place]


def test_json_that_is_no_har_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no HAR"):
        list(har.places(written(tmp_path, b'{"entries": [{"request": {}}]}')))


@pytest.mark.parametrize(
    "data", [b"{", b'{"log": ', b'{"log": {"entries": [', b'{"log": {"entries": [{"a": "']
)
def test_a_cut_file_without_an_entry_breaks_off(tmp_path: Path, data: bytes) -> None:
    (item,) = har.places(written(tmp_path, data))
    assert isinstance(item, Unread)
    assert "breaks off" in item.why


def test_what_leaves_no_machine_is_no_transfer(tmp_path: Path) -> None:
    assert read(written(tmp_path, document(entry("data:text/plain,hello"), entry("blob:x")))) == []


def test_a_har_without_entries_that_is_cut_before_the_end_of_its_list_breaks_off(tmp_path: Path) -> None:
    data = document()
    for size in range(1, data.index(b"[], ") + 2):
        items = read(written(tmp_path, data[:size]))
        assert [isinstance(each, Unread) for each in items] == [True]


@given(
    bodies=st.lists(st.text(max_size=60), max_size=6),
    cut=st.floats(0, 1),
    chunk=st.integers(1, 200),
)
def test_any_cut_of_a_har_yields_a_prefix_in_any_chunking(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[str], cut: float, chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("har")
    data = document(*(entry(postData={"mimeType": "text/plain", "text": each}) for each in bodies))
    sent = [body.encode("utf-8", "surrogatepass") for body in bodies]
    kept, splitting.CHUNK = splitting.CHUNK, chunk
    try:
        items = read(written(folder, data))
        some = read(written(folder, data[: int(len(data) * cut)])) if int(len(data) * cut) else []
    finally:
        splitting.CHUNK = kept
    assert [each.transfer.body for each in items if isinstance(each, Captured)] == sent
    read_of_it = [each for each in some if isinstance(each, Captured)]
    assert [each.transfer.body for each in read_of_it] == sent[: len(read_of_it)]
    if len(read_of_it) < len(sent) and some:
        assert isinstance(some[-1], Unread)


@given(st.binary(max_size=200))
def test_hostile_bytes_in_an_entry_end_in_a_value(noise: bytes) -> None:
    for data in (noise, b'{"request": ' + noise + b"}", b'{"request": {"url": "' + noise + b'"}}'):
        assert all(isinstance(each, Captured | Unread) for each in har.captured(data, "entry 1", "anna"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    "method headers postData text params encoding bodySize name value fileName".split()
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_a_request_says_of_itself_is_read(about: object) -> None:
    made = {"url": "https://a.example/"} | (about if isinstance(about, dict) else {"postData": about})
    items = list(
        har.captured(json.dumps({"request": made, "_webSocketMessages": about}).encode(), "e", "anna")
    )
    assert items


def test_noise_between_braces_is_no_har_and_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no HAR"):
        list(har.places(written(tmp_path, b'{"a\xe2": 1}')))
