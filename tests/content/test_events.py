"""Event streams."""

from __future__ import annotations

from exfilter.limits import Limits
from tests.content.reading import main, parts, records, texts

STREAM = (
    'event: person\nid: 1\ndata: {"name": "Ann", "mail": "ann@example.com"}\n\n'
    'data: {"name": "J\\u00fcrgen"}\ndata: more\n\n: ping\n\nretry: 5\n'
)


def test_events_are_records_and_the_text_stays() -> None:
    part = main(STREAM.encode())
    assert part.text == STREAM
    assert [row[:8] for row in records(part)] == ["event: p", 'data: {"', ": ping\n\n", "retry: 5"]
    assert "Jürgen" in texts(STREAM.encode())["customers.dat > escapes"]


def test_line_ends_of_windows_part_events_too() -> None:
    assert len(records(main(STREAM.replace("\n", "\r\n").encode()))) == 4


def test_an_event_that_goes_over_blocks_is_one() -> None:
    body = "".join(f"data: {n}\ndata: and a second line of it\n\n" for n in range(300))
    found = parts(body.encode(), limits=Limits(slice_bytes=500, overlap=0))
    starts = [
        part.text[at:][:6] for part in found for at in (part.records if part.records is not None else ())
    ]
    assert starts == ["data: "] * 300


def test_other_lines_with_colons_are_none() -> None:
    for body in (b"id: 5\nname: Ann\n", b"date: today\ndata\n", b"\n\nDear Ann\n"):
        assert main(body).records is None
