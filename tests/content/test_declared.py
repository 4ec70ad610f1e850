"""A wrong type or name changes nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter import content
from exfilter.content.budget import Budget
from exfilter.limits import Limits
from exfilter.model import Part, Transfer, never
from tests.content.test_framings import REQUEST, http_chunks
from tests.content.test_protobuf import CUSTOMERS, EXPORT, frame
from tests.content.test_wire import PEOPLE, document

ROWS = b"id,name,mail\n1,Ann,ann@example.com\n2,Bo,bo@example.com\n3,Cy,cy@example.com\n"
BODIES = {
    "text": b"Dear Ann,\nwrite to ann@example.com.\n",
    "table": ROWS,
    "json": json.dumps(PEOPLE).encode(),
    "lines of json": b"".join(json.dumps(person).encode() + b"\n" for person in PEOPLE),
    "html": b"<html><body><p>Ann Lee</p></body></html>",
    "xml": b"<?xml version='1.0'?><a><b><c>Ann</c><d>1</d></b><b><c>Bo</c><d>2</d></b></a>",
    "form": b"name=Ann+Lee&mail=ann%40example.com",
    "multipart": b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\n'
    + ROWS
    + b"\r\n--b--\r\n",
    "events": b"data: Ann\n\ndata: Bo\n\n",
    "gzip": gzip.compress(ROWS),
    "messagepack": msgpack.packb(PEOPLE),
    "cbor": cbor2.dumps(PEOPLE),
    "bson": document({"people": PEOPLE}),
    "protobuf": EXPORT,
    "grpc": b"".join(map(frame, CUSTOMERS)),
    "chunked": http_chunks(ROWS, 20),
    "message": REQUEST,
    "separated": b"Ann\x01ann@example.com\n" * 9,
}
TYPES = st.sampled_from(
    [
        *(
            "",
            "text/plain",
            "text/csv",
            "text/html",
            "application/json",
            "application/xml",
            "text/event-stream",
        ),
        *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/mixed; boundary=other"),
        *(
            "application/grpc+proto",
            "application/grpc-web-text",
            "application/x-protobuf",
            "application/msgpack",
        ),
        *(
            "application/cbor",
            "application/http",
            "application/octet-stream",
            "application/gzip",
            "image/png",
        ),
        *("application/zip", "application/pdf", "message/rfc822", "nonsense", "text/plain; charset=utf-8"),
    ]
)


def read(body: bytes, declared: str, name: str) -> list[tuple[object, ...]]:
    """Return what is read of a body: place, text and records, or what was left."""
    headers = (("Content-Type", declared),) if declared else ()
    budget = Budget(Limits(), never)
    try:
        return list(_shapes(content.items(Transfer("scan", body, name=name, headers=headers), budget), name))
    finally:
        budget.sandbox.close()


def _shapes(items: Iterator[object], name: str) -> Iterator[tuple[object, ...]]:
    for item in items:
        if not isinstance(item, Part):
            yield (str(item).replace(name, "x"),)
        elif item.path[0] == name:
            yield item.path[1:], item.text, None if item.records is None else item.records.tolist()


@pytest.mark.parametrize("kind", BODIES)
@given(
    declared=TYPES, ending=st.sampled_from(["dat", "csv", "json", "png", "zip", "pdf", "txt", "docx", "pb"])
)
def test_the_declared_type_and_the_ending_change_nothing(kind: str, declared: str, ending: str) -> None:
    expected = read(BODIES[kind], "", "plain")
    assert expected
    assert read(BODIES[kind], declared, f"a.{ending}") == expected
