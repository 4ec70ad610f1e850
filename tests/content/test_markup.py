"""HTML and XML."""

from __future__ import annotations

import re

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
    assert [row.split() for row in records(part)] == [["A", "ann@example.com", 'id="7"'], ["B"]]


def test_every_tag_of_xml_is_one_tab() -> None:
    assert main(b"<?xml version='1.0'?><r><n>a</n><m>b</m></r>").text == "\t\ta\t\tb\t\t"


def test_entities_that_stand_for_a_text_are_put_in_their_places() -> None:
    declared = b"<!DOCTYPE r [<!ENTITY at \"@exam\"><!ENTITY dot '&#46;'>]>"
    body = b"<?xml version='1.0'?>" + declared + b"<r><a b='c&at;'>ann&at;ple&dot;com</a></r>"
    found = texts(body)
    assert "ann@example.com" in found["customers.dat"]
    assert "c@exam" in found["customers.dat > attributes"]
    assert reasons(body) == []


def test_entities_that_grow_are_left_and_reported() -> None:
    value = b" ".join(b"ann%d@example.com" % n for n in range(40))
    body = b'<?xml?><!DOCTYPE r [<!ENTITY a "' + value + b'">]><r>' + b"&a;" * 10_000 + b"</r>"
    assert sum(len(part.text) for part in parts(body) if len(part.path) == 1) < 8 * len(body)
    assert Reason.MALFORMED in reasons(body)


def test_entities_of_entities_and_of_files_are_not_expanded_and_reported() -> None:
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


SOAP = b"""<?xml version="1.0"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
<soap:Header><w:Token Id="1" Kind="a">x</w:Token><w:Token Id="2" Kind="b">y</w:Token></soap:Header>
<soap:Body><m:Add xmlns:m="urn:people"><m:People>
<m:Person Ticket="TM-12345678"><m:First xsi:type="xsd:string">Ann</m:First><m:Last>Lee</m:Last>
<m:Mail><![CDATA[ann@example.com]]></m:Mail></m:Person>
<m:Person Ticket="TM-12345679"><m:First>J&#252;rgen</m:First><m:Last>M&#xFC;ller &amp; Co</m:Last>
<m:Mail>jm@example.com</m:Mail></m:Person>
</m:People></m:Add></soap:Body></soap:Envelope>"""


def test_people_in_soap_are_records_with_their_attributes() -> None:
    ann, jm = (" ".join(row.split()) for row in records(main(SOAP)))
    assert ann.startswith("Ann Lee ann@example.com")
    assert 'Ticket="TM-12345678"' in ann
    assert jm.startswith("Jürgen Müller & Co jm@example.com")
    assert 'Ticket="TM-12345679"' in jm


def test_attributes_alone_make_records() -> None:
    rows = b"".join(b'<row Name="Ann %d" Mail="ann%d@example.com"/>' % (n, n) for n in range(5))
    found = records(main(b"<?xml version='1.0'?><data>" + rows + b"</data>"))
    assert [" ".join(row.split()) for row in found] == [
        f'Name="Ann {n}" Mail="ann{n}@example.com"/' for n in range(5)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        b'<field name="first"><value>Ann</value></field><field name="last"><value>Lee</value></field>',
        b'<p Name="first" Value="Ann"/><p Name="last" Value="Lee"/>',
        b"<v>Ann</v><v>Lee</v>",
    ],
    ids=["xfdf", "pairs", "plain"],
)
def test_the_fields_of_one_thing_are_no_records(fields: bytes) -> None:
    body = b"<?xml version='1.0'?><form><fields>" + fields + b"</fields></form>"
    assert all(part.records is None for part in parts(body))
    assert {"Ann", "Lee"} <= set(re.findall("Ann|Lee", " ".join(texts(body).values())))


def test_items_of_a_feed_are_records() -> None:
    items = b"".join(
        b"<item><title>Ann %d</title><link>http://a.example/%d</link></item>" % (n, n) for n in range(4)
    )
    assert (
        len(
            records(
                main(b"<?xml version='1.0'?><rss><channel><title>x</title>" + items + b"</channel></rss>")
            )
        )
        == 4
    )


def test_attributes_of_the_last_record_and_across_blocks_are_read() -> None:
    rows = b"".join(
        b'<c id="%d" mail="ann%d@example.com"><n>Ann</n><t>x</t></c>' % (n, n) for n in range(200)
    )
    found = parts(b"<?xml version='1.0'?><r>" + rows + b"</r>", limits=Limits(slice_bytes=500, overlap=0))
    text = "".join(part.text for part in found if len(part.path) == 1)
    assert all(f'mail="ann{n}@example.com"' in text for n in range(200))
