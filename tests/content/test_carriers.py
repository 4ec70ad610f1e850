"""What a request carries beside its body."""

from __future__ import annotations

from exfilter import content
from exfilter.limits import Limits
from exfilter.model import Part, Transfer
from tests.content.reading import items, texts

URL = "https://shop.example.com:8443/u/ann%2540example.com?q=Jo%C3%A3o+Silva&n=2125550123"


def test_path_and_query_are_read_and_decoded_until_nothing_changes() -> None:
    found = texts(b"", url=URL)
    assert found["request.url"] == "/u/ann%2540example.com?q=Jo%C3%A3o+Silva&n=2125550123"
    assert found["request.url > percent"] == "/u/ann%40example.com?q=João+Silva&n=2125550123"
    assert found["request.url > percent > percent"] == "/u/ann@example.com?q=João+Silva&n=2125550123"


def test_a_plus_sign_in_a_url_is_read_as_itself_and_as_a_space() -> None:
    found = texts(b"", url="/find?q=ann+lee@example.com")
    assert "ann+lee@example.com" in found["request.url"]
    assert "ann lee@example.com" in found["request.url > form"]


def test_the_host_is_read() -> None:
    assert texts(b"", url=URL)["request.host"] == "shop.example.com:8443"


def test_destination_is_read_where_the_url_is_relative() -> None:
    one = Transfer(door="proxy", body=b"", url="/", destination="ann-lee.example.com", method="GET")
    assert [part.text for part in content.read(one, Limits()) if isinstance(part, Part)] == [
        "ann-lee.example.com"
    ]


def test_every_header_is_a_part_also_repeated_ones() -> None:
    headers = (("Cookie", "id=ann%40example.com"), ("X-Note", "first"), ("x-note", "second"))
    found = texts(b"", headers)
    assert found["request.header cookie"] == "id=ann%40example.com"
    assert found["request.header cookie > percent"] == "id=ann@example.com"
    assert found["request.header x-note"] == "first\n---\nsecond"


def test_header_names_are_read_and_odd_ones_stay_out_of_the_provenance() -> None:
    found = texts(b"", (("ann@example.com", "1"),))
    assert found["request.header > names"] == "ann@example.com"
    assert found["request.header [1]"] == "1"
    assert not any("ann" in place for place in found)


def test_trailers_are_read() -> None:
    one = Transfer(door="proxy", body=b"", method="POST", trailers=(("X-Sum", "ann@example.com"),))
    found = {part.provenance: part.text for part in content.read(one, Limits()) if isinstance(part, Part)}
    assert found["request.trailer x-sum"] == "ann@example.com"


def test_header_bytes_that_are_not_utf8_become_letters() -> None:
    value = "M\udcfcller"  # what the proxy makes of the byte 0xFC
    assert texts(b"", (("X-Name", value),))["request.header x-name"] == "Müller"


def test_a_file_has_no_carriers() -> None:
    assert [item.path for item in items(b"plain words") if isinstance(item, Part)] == [("customers.dat",)]


def test_an_empty_body_yields_nothing() -> None:
    assert items(b"") == []


def test_a_method_that_is_none_is_read() -> None:
    one = Transfer(door="proxy", body=b"", url="/", method="ANN@EXAMPLE.COM,BO%40EXAMPLE.COM")
    found = {part.provenance: part.text for part in content.read(one, Limits()) if isinstance(part, Part)}
    assert found["request.method"] == one.method
    assert found["request.method > percent"] == "ANN@EXAMPLE.COM,BO@EXAMPLE.COM"
