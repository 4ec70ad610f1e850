"""Each protocol's requests are recognised, and what only looks like them is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exfilter.model import Transfer
from exfilter.quarantine import unbound
from exfilter.uploads import recognise
from exfilter.uploads.request import Step
from tests.uploads import requests as r
from tests.uploads.requests import sent

GOOGLE = "https://photos.example/v1/uploads"
S, P, C = Step.START, Step.PIECE, Step.COMMIT
N = None
GRAPH = "https://graph.example/v1.0/me/drive/root:/a.zip:/createUploadSession"
SHAREPOINT = "https://acme.sharepoint.example/_api/v2.0/drives/b!x/items/01/uploadSession?guid='1'&tempauth=t"


def goog(command: str, offset: str = "", body: bytes = b"") -> Transfer:
    headers = {"X-Goog-Upload-Command": command} | ({"X-Goog-Upload-Offset": offset} if offset else {})
    return sent("POST", f"{GOOGLE}?upload_id=A1&upload_protocol=resumable", headers, body)


@pytest.mark.parametrize(
    ("transfer", "protocol", "step", "rank", "total", "last"),
    [
        (r.ranged(5, b"abc", 90), "ranges", P, 5, 90, False),
        (r.ranged(5, b"abc"), "ranges", P, 5, N, False),
        (sent("POST", "https://u.io/", {"content-range": "BYTES 0-2/9"}, b"abc"), "ranges", P, 0, 9, False),
        (sent("PATCH", "https://r.example/a/", {"Content-Range": "0-2"}, b"abc"), "ranges", P, 0, N, False),
        (sent("POST", r.DRIVE, {"X-Upload-Content-Length": "70"}, b"{}"), "google", S, N, 70, False),
        (sent("POST", "https://g.example/b/o", {"x-goog-resumable": "start"}), "google", S, N, N, False),
        (r.drive(0, b"abc", 90), "google", P, 0, 90, False),
        (r.drive(87, b"abc", 90), "google", P, 87, 90, True),
        (sent("PUT", f"{r.DRIVE}&upload_id=A", {"Content-Range": "bytes */90"}), "google", C, N, N, False),
        (goog("start"), "google", S, N, N, False),
        (goog("upload", "3", b"abc"), "google", P, 3, N, False),
        (goog("upload, finalize", "3", b"abc"), "google", P, 3, N, True),
        (goog("finalize"), "google", C, N, N, False),
        (sent("POST", GRAPH, {}, b"{}"), "graph", S, N, N, False),
        (r.graph(26, b"abc", 128), "graph", P, 26, 128, False),
        (r.ranged(26, b"abc", 128, SHAREPOINT), "graph", P, 26, 128, False),
        (r.tus_start(90), "tus", S, N, 90, False),
        (r.tus_start(None, b"abc"), "tus", S, N, N, False),
        (r.tus(0, b"abc"), "tus", P, 0, N, False),
        (replace(r.tus_start(0), headers=(("Tus-Resumable", "1.0.0"), ("Upload-Concat", "final;/a /b"))),
         "tus", C, N, N, False),
        (sent("POST", "https://i.example/u", {"Upload-Complete": "?0"}, b"abc"), "ietf", S, N, N, False),
        (r.ietf(3, b"abc", last=False), "ietf", P, 3, N, False),
        (r.ietf(3, b"abc", last=True), "ietf", P, 3, N, True),
        (sent("POST", r.BUCKET + "?uploads"), "s3", S, N, N, False),
        (r.part(7, b"abc"), "s3", P, 7, N, False),
        (r.complete(1, 2), "s3", C, N, N, False),
        (r.block("QUFBQQ==", b"abc"), "azure", P, N, N, False),
        (r.block_list("QUFBQQ=="), "azure", C, N, N, False),
        (sent("PUT", r.BLOB+"?comp=appendblock", {}, b"abc"), "azure", P, N, N, False),
        (sent("PUT", r.BLOB+"?comp=page", {"x-ms-range": "bytes=0-2"}, b"abc"), "azure", P, 0, N, False),
        (sent("PATCH", r.BLOB+"?action=append&position=9", {}, b"abc"), "azure", P, 9, N, False),
        (sent("PATCH", r.BLOB+"?action=flush&position=9"), "azure", C, N, N, False),
        (r.dropbox("start", None, b"abc"), "dropbox", S, N, N, False),
        (r.dropbox("append_v2", 3, b"abc"), "dropbox", P, 3, N, False),
        (r.dropbox("finish", 3, b"abc"), "dropbox", P, 3, N, True),
        (r.dropbox("finish", 3), "dropbox", C, N, N, False),
        (sent("GET", "https://slack.example/api/files.getUploadURLExternal?length=9&filename=a"),
         "slack", S, N, 9, False),
    ],
)  # fmt: skip
def test_a_request_of_a_protocol_is_recognised(
    transfer: Transfer,
    protocol: str,
    step: Step,
    rank: int | None,
    total: int | None,
    last: bool,  # noqa: FBT001
) -> None:
    found = recognise(transfer)
    assert found
    assert (found.protocol, found.step, found.rank, found.total, found.last) == (
        protocol, step, rank, total, last,
    )  # fmt: skip
    assert bool(found.name) is (step is not S)


@pytest.mark.parametrize(
    "transfer",
    [
        sent("GET", "https://up.example/f", {"Content-Range": "bytes 0-2/9"}),
        sent("PUT", "https://up.example/f", {"Content-Range": "bytes 0-2/9"}),
        sent("PUT", "https://up.example/f", {"Content-Range": "bytes 5-2/9"}, b"abc"),
        sent("PUT", "https://up.example/f", {"Content-Range": "bytes ٠-٢/٩"}, b"abc"),
        r.ranged(0, b"abc", 3),
        sent("POST", "https://shop.example/order?upload_id=7", {}, b"item=3"),
        sent("POST", "https://shop.example/?uploads=all", {}, b"x"),
        sent("PUT", "https://blog.example/?comp=title", {}, b"x"),
        sent("POST", "https://blog.example/2/files/upload", {"Dropbox-API-Arg": "{}"}, b"x"),
        r.dropbox("append_v2", None, b"abc"),
        sent("HEAD", "https://tus.example/files/1", {"Tus-Resumable": "1.0.0"}),
        sent("PATCH", "https://api.example/user/1", {"Content-Type": "application/json"}, b"{}"),
        sent("POST", "https://api.example/x", {"Upload-Complete": "?1"}, b"all of it"),
        sent("DELETE", r.BUCKET + "?uploadId=1"),
    ],
)
def test_what_only_looks_like_one_is_not(transfer: Transfer) -> None:
    assert recognise(transfer) is None


def test_another_site_with_an_upload_id_is_not_taken_for_s3_unless_pieces_were_seen() -> None:
    found = recognise(sent("POST", "https://shop.example/?uploadId=7", {}, b"{}"))
    assert found
    assert not found.certain


def test_a_list_of_parts_is_read_in_utf_16_too_and_in_any_length() -> None:
    commit = r.complete(*range(1, 10_001))
    text = bytes(commit.body).decode()  # type: ignore[arg-type]
    for body in (text.encode(), text.encode("utf-16")):
        found = recognise(replace(commit, body=body))
        assert found
        assert found.certain
        assert found.wholes[0].places == tuple(map(str, range(1, 10_001)))


def test_a_block_is_the_same_with_its_plus_sign_escaped_or_not() -> None:
    (one, other) = (recognise(r.block(name, b"x")) for name in ("a+b=", "a%2Bb="))
    assert one == other


def test_what_is_examined_for_a_release_is_no_piece() -> None:
    for transfer in (r.tus(3, b"abc"), r.part(1, b"abc"), r.dropbox("finish", 3), r.ranged(3, b"abc", 9)):
        assert recognise(unbound(transfer)) is None


def test_signatures_and_places_are_no_part_of_the_name() -> None:
    pairs = [
        (r.part(1, b"a"), replace(r.part(2, b"b"), url=r.part(2, b"b").url.replace("ab2", "cd"))),
        (r.block("QQ==", b"a"), r.block("Qg==", b"b")),
        (r.drive(0, b"a", 9), r.drive(1, b"b", 9)),
        (
            r.ranged(1, b"a", 9, SHAREPOINT),
            r.ranged(2, b"a", 9, SHAREPOINT.replace("tempauth=t", "tempauth=u")),
        ),
    ]
    for one, other in pairs:
        first, second = recognise(one), recognise(other)
        assert first
        assert second
        assert first.name == second.name
        assert first.place != second.place


NAMES = st.sampled_from(
    "content-range tus-resumable upload-offset upload-length upload-concat upload-complete dropbox-api-arg "
    "x-goog-upload-command x-goog-upload-offset x-ms-range x-http-method-override".split()
)
VALUES = (
    st.text(max_size=30)
    | st.from_regex(r"bytes \d+-\d+/(\d+|\*)")
    | st.sampled_from(
        [
            "?0",
            "?1",
            "1.0.0",
            "final;/a b",
            "9" * 5000,
            '{"cursor":{"session_id":"a","offset":1e999}}',
            "[" * 9000,
        ]
    )
)
URLS = st.text(max_size=60) | st.from_regex(
    r"https?://[a-z\[\]:%]{1,9}/(up|2/files/upload_session/(append_v2|finish_batch))?"
    r"(\?(uploadId|partNumber|comp|blockid|upload_id|action|position|uploads)=[^&#]{0,9}){0,3}",
)


@given(
    st.sampled_from(["PUT", "POST", "PATCH", "GET", "", "ü"]),
    URLS,
    st.lists(st.tuples(NAMES, VALUES)),
    st.binary(),
)
@example("PUT", "http://[::1/?comp=block&blockid=%ff", [], b"")
@example("POST", "\ud800?uploadId=\ud800", [], b"\xff")
@example("POST", "/2/files/upload_session/finish_batch", [], b"[" * 100_000)
@example("PUT", "/?a" + "&a" * 10_000, [("content-range", "bytes 0-0/1")], b"ab")
def test_recognising_never_raises(method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> None:
    recognise(
        Transfer("proxy", body, destination="a.example", method=method, url=url, headers=tuple(headers))
    )
