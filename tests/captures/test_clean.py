"""Nothing that a capture says ends its replay: names can be written down, numbers and headers have an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.captures import Captured, Refused, Unread, clean, har, why
from exfilter.captures.captured import HEADERS
from exfilter.model import Reason, Transfer
from exfilter.replaying.units import opened, source, units

if TYPE_CHECKING:
    from pathlib import Path

ANY = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8)


def entry(url: str = "https://a.example/", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    request = {"method": "POST", "url": url, "headers": [], "postData": {"text": "x"}}
    return {"startedDateTime": "2026-01-01T00:00:00Z", "request": request | more.pop("request", {})} | more


def read(path: Path, data: bytes) -> list[Captured | Unread]:
    path.write_bytes(data)
    return [item for unit in units(source(path), "anna", None) for item in opened(unit)]


def in_har(folder: Path, *entries: Any) -> list[Captured | Unread]:  # noqa: ANN401
    return read(folder / "day.har", json.dumps({"log": {"entries": entries}}).encode())


@given(ANY, ANY, ANY, ANY)
def test_names_can_be_written_down(actor: str, host: str, method: str, flow: str) -> None:
    transfer = Transfer("replay", b"", actor=actor, destination=host, method=method, url=f"https://{host}/")
    made = clean(Captured(transfer, flow, "entry 1"))
    of = made.transfer
    for text in (of.actor, of.destination, of.method, of.url, made.flow):
        text.encode()
    assert clean(made) == made


def test_a_lone_surrogate_in_a_name_of_a_har_is_replaced(tmp_path: Path) -> None:
    (item,) = in_har(tmp_path, entry("https://\ud800a.example/", _id="\udfff", request={"method": "P\ud800"}))
    assert isinstance(item, Captured)
    assert (item.transfer.destination, item.transfer.method, item.flow) == (
        "\ufffda.example",
        "P\ufffd",
        "\ufffd",
    )


def test_bytes_that_are_no_text_in_a_warc_are_replaced(tmp_path: Path) -> None:
    request = b"P\xff /\xed\xa0\x80 HTTP/1.1\r\nHost: \xff.example\r\n\r\n"
    head = b"WARC/1.0\r\nWARC-Type: request\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    for item in read(tmp_path / "day.warc", head % len(request) + request):
        if isinstance(item, Captured):
            f"{item.transfer.destination}{item.transfer.url}{item.transfer.method}".encode()


@pytest.mark.parametrize("when", [10**400, 1e300, -(10**400), float("inf"), float("nan"), "x", None])
def test_a_message_of_no_time_has_that_of_its_connection(when: Any) -> None:  # noqa: ANN401
    message = {"type": "send", "data": "x", "time": when, "opcode": 1}
    items = list(har.captured(json.dumps(entry(_webSocketMessages=[message])).encode(), "entry 1", "anna"))
    shake, sent = items
    assert isinstance(shake, Captured)
    assert isinstance(sent, Captured)
    assert sent.transfer.time == shake.transfer.time


def test_headers_beyond_the_limit_are_unscanned(tmp_path: Path) -> None:
    many = [{"name": "a", "value": "bc"}] * (HEADERS + 5)
    (item,) = in_har(tmp_path, entry(request={"headers": many}))
    assert isinstance(item, Captured)
    assert len(item.transfer.headers) == HEADERS
    (left,) = item.missing
    assert (left.reason, left.bytes) == (Reason.OVER_BUDGET, 15)
    (item,) = in_har(tmp_path, entry(request={"headers": many[:HEADERS]}))
    assert isinstance(item, Captured)
    assert not item.missing


def test_an_error_that_is_not_ours_is_named_and_never_quoted() -> None:
    for error in (ValueError("hanna@mail.example"), TypeError("hanna"), OSError("hanna"), ArithmeticError()):
        told = why(error)
        assert "hanna" not in told
        assert type(error).__name__ in told
    assert why(Refused("there is no list log.entries in it")) == "there is no list log.entries in it"
