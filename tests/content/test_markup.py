"""HTML and XML."""

from __future__ import annotations

import pytest

from exfilter.limits import Limits
from exfilter.model import Reason
from tests.content.reading import main, parts, reasons, records, texts

PAGE = b"""<!DOCTYPE html><html><head><style>p{color:red}</style></head><body class="shop">
<p>Dear <b>jo</b>hn&#64;example.com &amp; co</p><!-- secret@example.com -->
<script>var mail="s<t@example.com";</script><a href="mailto:ann@example.com">write</a><br>next
<ul><li>one</li><li>two</li></ul></body></html>"""


def test_inline_tags_glue_and_blocks_break() -> None:
    text = texts(PAGE)["customers.dat"]
    assert "Dear john@example.com & co\n" in text
    assert "write\nnext" in text
    assert "one\n\ntwo" in text
    assert "<" not in text


def test_what_is_not_seen_is_a_text_of_its_own() -> None:
    found = texts(PAGE)
    hidden = found["customers.dat > attributes"]
    for word in (
        "mailto:ann@example.com",
        "secret@example.com",
        "s<t@example.com",
        "color:red",
        'class="shop"',
    ):
        assert word in hidden
        assert word not in found["customers.dat"]


def test_table_rows_are_records() -> None:
    body = b"<table><tr><th>n</th></tr><tr><td>Ann</td><td>1</td></tr><tr><td>Bo</td></tr></table><p>end</p>"
    found = [row.split() for row in records(main(body))]
    assert found == [["n"], ["Ann", "1"], ["Bo"], ["end"]]


def test_a_page_without_a_table_has_no_records() -> None:
    assert main(PAGE).records is None


def test_repeated_elements_of_xml_are_records() -> None:
    body = (
        b'<?xml version="1.0"?><s:Envelope><s:Body><list>'
        b'<customer id="7"><b>A</b><m>ann@example.com</m></customer>'
        b"<customer><b>B</b></customer></list></s:Body></s:Envelope>"
    )
    part = main(body)
    assert [row.split() for row in records(part)] == [["A", "ann@example.com"], ["B"]]
    attributes = next(part for part in parts(body) if part.path[-1] == "attributes")
    assert [row.split() for row in records(attributes)] == [['id="7"'], []]


def test_every_tag_of_xml_is_one_tab() -> None:
    assert main(b"<?xml version='1.0'?><r><n>a</n><m>b</m></r>").text == "\t\ta\t\tb\t\t"


def test_declared_entities_are_not_expanded_and_reported() -> None:
    body = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ann@example.com"><!ENTITY b "&a;&a;">]><r>&b;</r>'
    found = texts(body)
    assert "&b;" in found["customers.dat"]
    assert "ann@example.com" in found["customers.dat > attributes"]
    assert reasons(body) == [Reason.MALFORMED]


def test_an_address_in_angle_brackets_is_no_tag() -> None:
    assert "Ann Lee <ann@example.com>" in main(b"<p>Ann Lee <ann@example.com></p>").text
    assert texts(b"Ann <ann@example.com>\n") == {"customers.dat": "Ann <ann@example.com>\n"}


def test_a_tag_that_is_cut_by_a_block_is_one_tag() -> None:
    body = (
        "<p>" + "".join(f'x<b title="number {n} of many">y{n}</b>z ' for n in range(300)) + "</p>"
    ).encode()
    slices = parts(body, limits=Limits(slice_bytes=64, overlap=0))
    found = "".join(part.text for part in slices if len(part.path) == 1)
    assert found.split() == [f"xy{n}z" for n in range(300)]


def test_an_unclosed_script_is_read() -> None:
    assert "ann@example.com" in texts(b"<html><script>var a='ann@example.com'")["customers.dat > attributes"]


@pytest.mark.parametrize("piece", [b"<a ", b"<", b"<a>", b"<!--", b"<script>", b"</", b"&#", b"<a b='"])
def test_pieces_without_end(piece: bytes) -> None:
    assert reasons(b"<html>" + piece * 50_000) == []
