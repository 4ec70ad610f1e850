"""Uploads in pieces through a real proxy: pieces pass, what completes a leak does not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exfilter.quarantine import Quarantine
from fixtures.farend import FarEnd
from tests.e2e.house import Proxy, Reply, http, https
from tests.uploads.conftest import cut, packed, people
from tests.uploads.requests import chunked, complete

CLASSES = '[destinations]\ndrive = ["localhost"]\n'
LISTED = '[uploads]\ndestinations = ["drive", "127.0.0.1"]\n'


@pytest.fixture
def proxy(folder: Path, far_end: FarEnd) -> Iterator[Proxy]:
    file = folder / "policy.toml"
    text = file.read_text().replace("[uploads]\n", LISTED, 1).replace("[destinations]\n", CLASSES, 1)
    file.write_text(text)
    with Proxy(folder, ("--upstream-ca", str(far_end.ca))) as proxy:
        yield proxy


def put(proxy: Proxy, url: str, data: bytes, *headers: str, method: str = "PUT") -> Reply:
    named = [word for header in headers for word in ("-H", header)]
    return proxy.curl(url, "-X", method, *named, data=data)


def send_tus(proxy: Proxy, far_end: FarEnd, data: bytes, name: str) -> list[Reply]:
    version, kind = "Tus-Resumable: 1.0.0", "Content-Type: application/offset+octet-stream"
    replies = [
        put(proxy, http(far_end, "/files"), b"", version, f"Upload-Length: {len(data)}", method="POST")
    ]
    for at, piece in cut(data, 4):
        url = http(far_end, f"/files/{name}")
        replies.append(put(proxy, url, piece, version, kind, f"Upload-Offset: {at}", method="PATCH"))
    return replies


def send_s3(proxy: Proxy, far_end: FarEnd, data: bytes, name: str) -> list[Reply]:
    url = https(far_end, f"/bucket/a.zip?uploadId={name}")
    framing = ("Content-Encoding: aws-chunked", "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    replies = [
        put(proxy, f"{url}&partNumber={number}", chunked(piece, 8192), *framing)
        for number, (_, piece) in enumerate(cut(data, 3), 1)
    ]
    body = bytes(complete(1, 2, 3).body)  # type: ignore[arg-type]
    return [*replies, put(proxy, url, body, method="POST")]


def send_ranges(proxy: Proxy, far_end: FarEnd, data: bytes, name: str) -> list[Reply]:
    return [
        put(
            proxy,
            http(far_end, f"/{name}"),
            piece,
            f"Content-Range: bytes {at}-{at + len(piece) - 1}/{len(data)}",
        )
        for at, piece in cut(data, 3)
    ]


@pytest.mark.parametrize("send", [send_tus, send_s3, send_ranges])
def test_a_zip_in_pieces_arrives_and_one_with_customers_is_not_completed(
    proxy: Proxy, far_end: FarEnd, send: object
) -> None:
    assert callable(send)
    calm: list[Reply] = send(proxy, far_end, packed("a quiet line"), "calm")
    assert {reply.status for reply in calm} == {200}
    assert len(far_end.arrivals) == len(calm)
    leak: list[Reply] = send(proxy, far_end, packed(people(60)), "leak")
    assert [reply.status for reply in leak] == [200] * (len(leak) - 1) + [403]
    assert len(far_end.arrivals) == len(calm) + len(leak) - 1
    (held,) = Quarantine.open(proxy.folder / "quarantine").entries()
    assert held.customers >= 60
    assert held.id == leak[-1].transfer_id
    assert list((proxy.folder / "uploads" / "pieces").iterdir()) == []


def test_a_released_commit_passes_once(proxy: Proxy, far_end: FarEnd) -> None:
    last = send_s3(proxy, far_end, packed(people(60)), "released")[-1]
    before = len(far_end.arrivals)
    with Quarantine.open(proxy.folder / "quarantine") as quarantine:
        quarantine.release(last.transfer_id, "rita", "agreed with the recipient")
    url, body = https(far_end, "/bucket/a.zip?uploadId=released"), bytes(complete(1, 2, 3).body)  # type: ignore[arg-type]
    assert [put(proxy, url, body, method="POST").status for _ in range(2)] == [200, 403]
    assert len(far_end.arrivals) == before + 1


def test_a_list_in_pieces_is_stopped_in_the_middle(proxy: Proxy, far_end: FarEnd) -> None:
    replies = [reply.status for reply in send_ranges(proxy, far_end, people(60).encode(), "list")]
    assert replies[-1] == 403
    assert len(far_end.arrivals) == replies.count(200) < 3
    rules = [line["rule"] for line in proxy.decisions() if line["method"] == "PUT"]
    assert rules[-1] in {"upload-session", "many customers"}


def test_elsewhere_a_piece_of_a_zip_is_held(folder: Path, far_end: FarEnd) -> None:
    with Proxy(folder) as proxy:
        replies = send_ranges(proxy, far_end, packed("a quiet line"), "there")
    assert 403 in [reply.status for reply in replies]
    assert len(far_end.arrivals) < len(replies)
