"""Answers say what RFC 3507 wants of them, and nothing that was not meant as a field becomes one."""

from __future__ import annotations

import email
from email.message import Message
from email.utils import parsedate_to_datetime

import pytest

from exfilter.icap import answers

PAGE = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n"
POST = b"POST http://a.example/ HTTP/1.1\r\n\r\n"


def read(raw: bytes) -> tuple[str, Message, bytes]:
    """Return the status line, the fields and what follows."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    line, _, fields = head.decode("ascii").partition("\r\n")
    return line, email.message_from_string(fields), rest


def test_options_tell_what_the_service_does() -> None:
    raw = answers.options("tag-1", "exfilter 1.0", preview=4096, max_connections=200, ttl=300)
    line, fields, rest = read(raw)
    assert line == "ICAP/1.0 200 OK"
    assert parsedate_to_datetime(fields.get("Date", "")).tzinfo is not None
    del fields["Date"]
    assert dict(fields) == {
        "ISTag": '"tag-1"',
        "Methods": "REQMOD",
        "Service": "exfilter 1.0",
        "Allow": "204",
        "Preview": "4096",
        "Transfer-Preview": "*",
        "Max-Connections": "200",
        "Options-TTL": "300",
        "X-Include": "X-Client-IP, X-Client-Username, X-Authenticated-User, X-Authenticated-Groups",
        "Encapsulated": "null-body=0",
    }
    assert rest == b""


def test_without_a_preview_none_is_asked_for() -> None:
    _, fields, _ = read(answers.options("t", "s", allow=("204", "trailers")))
    assert "Preview" not in fields
    assert "Transfer-Preview" not in fields
    assert fields["Allow"] == "204, trailers"


def test_what_may_go_on_has_no_content() -> None:
    line, fields, rest = read(answers.no_content("t"))
    assert (line, fields["ISTag"], "Connection" in fields, rest) == (
        "ICAP/1.0 204 No Content",
        '"t"',
        False,
        b"",
    )
    assert read(answers.no_content("t", close=True))[1]["Connection"] == "close"


def test_the_rest_of_a_preview_is_asked_for() -> None:
    assert answers.continue_() == b"ICAP/1.0 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("section", "has_body", "places"),
    [
        (("req-hdr", POST), True, "req-hdr=0, req-body=35"),
        (("req-hdr", POST), False, "req-hdr=0, null-body=35"),
        (("res-hdr", PAGE), True, "res-hdr=0, res-body=51"),
        (("res-hdr", PAGE), False, "res-hdr=0, null-body=51"),
    ],
)
def test_http_in_an_answer_stands_where_it_says(
    section: tuple[str, bytes], places: str, *, has_body: bool
) -> None:
    line, fields, rest = read(answers.modified_head("t", [section], has_body=has_body))
    assert (line, fields["Encapsulated"], rest) == ("ICAP/1.0 200 OK", places, section[1])


@pytest.mark.parametrize("status", [400, 404, 405, 408, 413, 414, 500, 501, 503, 505])
def test_an_error_says_why_and_whether_the_connection_goes_on(status: int) -> None:
    line, fields, rest = read(answers.error(status, "it could not be served", "t", close=True))
    assert line.startswith(f"ICAP/1.0 {status} ")
    assert (fields["X-Reason"], fields["Connection"], fields["ISTag"]) == (
        "it could not be served",
        "close",
        '"t"',
    )
    assert (fields["Encapsulated"], rest) == ("null-body=0", b"")
    assert "Connection" not in read(answers.error(status, "", "t", close=False))[1]


@pytest.mark.parametrize("istag", ["", "x" * 33, 'a"b', "a b", "a\r\nb", "ä", "a\\b"])
def test_a_tag_is_short_and_plain(istag: str) -> None:
    with pytest.raises(ValueError, match="an ISTag is"):
        answers.no_content(istag)


@pytest.mark.parametrize("why", ["a\r\nB: c", "a\nb", "\0", "ä"])
def test_no_field_holds_another_one(why: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        answers.error(500, why, "t", close=True)
    with pytest.raises(ValueError, match="printable ASCII"):
        answers.options("t", why)
