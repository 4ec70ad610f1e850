"""What a request carries beside its body."""

from __future__ import annotations

import base64

import pytest

from exfilter import content
from exfilter.limits import Limits
from exfilter.model import Headers, Part, Transfer
from tests.content.reading import items, parts, records, texts

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
    assert found["request.headers > percent"] == "id=ann@example.com\nfirst\nsecond"
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


def test_the_fields_of_a_query_are_one_record() -> None:
    (query,) = [part for part in parts(b"", url=URL) if part.path == ("request.url", "query")]
    assert records(query) == ["João Silva\n2125550123"]
    found = texts(b"", url="/a?first=Ann;last=Lee#mail=ann%40example.com&id=7")
    assert found["request.url > query"] == "Ann\nLee"
    assert found["request.url > fragment"] == "ann@example.com\n7"


def test_a_second_customer_in_a_query_is_a_second_record() -> None:
    url = "/a?name=Ann+Lee&mail=a%40example.com&name=Bo+Ray&mail=b%40example.com"
    query = next(part for part in parts(b"", url=url) if part.path == ("request.url", "query"))
    assert records(query) == ["Ann Lee\na@example.com\n", "Bo Ray\nb@example.com"]


def test_structures_in_values_are_read_as_what_they_are() -> None:
    value = "%5B%7B%22a%22%3A1%7D%2C%7B%22b%22%3A2%7D%5D"
    for headers, url in (((), f"/a?list={value}&x=1"), ((("Cookie", f"list={value}; x=1"),), "/")):
        assert any(
            part.text == '[{"a":1},{"b":2}]' and part.records is not None for part in parts(b"", headers, url)
        )


def test_cookies_are_one_record_and_decoded() -> None:
    headers = (("Cookie", "name=Ann%20Lee; mail=ann%40example.com"),)
    place = "request.header cookie > cookies"
    (cookies,) = [part for part in parts(b"", headers) if part.provenance == place]
    assert records(cookies) == ["Ann Lee\nann@example.com"]


def test_all_headers_together_are_one_record() -> None:
    headers = (("X-Name", "Ann Lee"), ("X-Note", "TM-12345678"))
    (together,) = [part for part in parts(b"", headers) if part.path == ("request.headers",)]
    assert records(together) == ["Ann Lee\nTM-12345678"]


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ((("X-Data", "ann@exam"), ("x-data", "ple.com")), "/"),
        ((("X-Data-1", "ann@exam"), ("X-Other", "y"), ("X-Data-2", "ple.com")), "/"),
        ((("Cookie", "s.0=ann%40exam; other=1; s.1=ple.com"),), "/"),
        ((), "/?p1=ann%40exam&x=y&p2=ple.com"),
    ],
    ids=["same name", "numbered", "cookies", "query"],
)
def test_a_value_that_was_taken_apart_is_put_together(headers: Headers, url: str) -> None:
    assert "ann@example.com" in texts(b"", headers, url).values()


def test_labels_of_a_host_are_put_together() -> None:
    found = texts(b"", url="https://ivxgkyl.onfxgiz.lsmuxgg.evil.example:443/")
    assert found["request.host > labels"] == "ivxgkylonfxgizlsmuxgg"
    assert "request.host > labels" not in texts(b"", url="https://www.shop.example/")


def test_base64_in_carriers_is_undone() -> None:
    token = base64.urlsafe_b64encode(b'{"sub":"ann@example.com","name":"Ann Lee"}').decode().rstrip("=")
    basic = base64.b64encode(b"ann@example.com:secret words").decode()
    headers = (
        ("Authorization", f"Bearer eyJhbGciOiJub25lIn0.{token}.c2lnbmF0dXJl"),
        ("Proxy-Authorization", f"Basic {basic}"),
        ("Cookie", f"session={token}"),
    )
    found = texts(b"", headers, f"/?state={token}")
    assert any(
        "request.headers" in name and text.count("ann@example.com") == 3 for name, text in found.items()
    )
    assert any("request.url" in name and "ann@example.com" in text for name, text in found.items())


def test_the_ending_of_a_file_is_no_part_of_an_address() -> None:
    found = texts(b"", url="/upload/ann%40example.com.csv?x=1")
    assert "ann@example.com" in found["request.url > stem"].split()
