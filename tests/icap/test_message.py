"""Where a request goes is where the proxy will connect; what could go to two places goes nowhere."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.icap.message import BadHttp, Request, fields, request


def sent(target: str | bytes, *lines: str, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
    raw = target.encode() if isinstance(target, str) else target
    head = "".join(f"{line}\r\n" for line in lines).encode()
    return method.encode() + b" " + raw + b" " + version.encode() + b"\r\n" + head + b"\r\n"


def goes_to(target: str | bytes, *lines: str, method: str = "POST") -> str:
    return request(sent(target, *lines, method=method)).host


def test_a_request_is_read_with_its_headers_in_order() -> None:
    lines = b"Host: a.example\r\nX: 1 \r\nx:\t2\r\n y\r\nN\xc3\xbc: \xfc\r\n\r\n"
    raw = b"PUT http://A.example:8080/x?y HTTP/1.0\r\n" + lines
    assert request(raw) == Request(
        method="PUT",
        target="http://A.example:8080/x?y",
        version="HTTP/1.0",
        headers=(("Host", "a.example"), ("X", "1"), ("x", "2 y"), ("Nü", "ü")),
        url="http://A.example:8080/x?y",
        host="a.example",
    )


def test_an_address_of_its_own_is_whole_where_host_names_the_place() -> None:
    assert request(sent("/x?y", "Host: A.example")).url == "http://a.example/x?y"
    assert request(sent("/x?y", "Host: a.example:443")).url == "https://a.example:443/x?y"
    assert request(sent("/x?y", "host: a.example:8443"), "https").url == "https://a.example:8443/x?y"
    assert request(sent("//b.example/x", "Host: a.example")).host == "a.example"
    asked = request(sent("*", "Host: a.example", method="OPTIONS"))
    assert (asked.url, asked.host) == ("http://a.example", "a.example")


def test_a_tunnel_names_host_and_port() -> None:
    tunnel = request(sent("A.example:443", "Host: b.example", method="CONNECT"))
    assert (tunnel.url, tunnel.host) == ("A.example:443", "a.example")
    assert goes_to("[2001:DB8::0:1]:443", method="CONNECT") == "2001:db8::1"


PLACES = {
    "http://a.example": "a.example",
    "http://a.example/": "a.example",
    "HTTPS://A.Example./": "a.example",
    "http://a.example:/": "a.example",
    "http://a.example:8080/@b.example": "a.example",
    "http://a.example/\\b.example/": "a.example",
    "http://a.example?x=1": "a.example",
    "http://a.example/?to=b@b.example": "a.example",
    "http://user:word@a.example/": "a.example",
    "http://b.example@a.example/": "a.example",
    "http://b.example%2F@a.example/": "a.example",
    "ftp://a.example/x": "a.example",
    "http://[2001:DB8:0::1]:8080/": "2001:db8::1",
    "http://192.0.2.7:80/": "192.0.2.7",
    "http://192.0.2.7./": "192.0.2.7",
    "http://bücher.example/": "xn--bcher-kva.example",
    "http://xn--BCHER-kva.example/": "xn--bcher-kva.example",
    "http://b\uff41nk\u3002example/": "bank.example",
    "http://_dmarc.a--b-.example/": "_dmarc.a--b-.example",
    "http://localhost/": "localhost",
    "http://7zip.example/": "7zip.example",
}


@pytest.mark.parametrize(("url", "host"), PLACES.items(), ids=range(len(PLACES)))
def test_the_url_says_where_it_goes(url: str, host: str) -> None:
    assert goes_to(url) == host
    assert goes_to(url, "Host: elsewhere.example") == host


NOWHERE = [
    "http://",
    "http:///x",
    "http://:80/",
    "http://user@/",
    "http:a.example/",
    "http:/a.example/",
    "://a.example/",
    "a.example/x",
    "a.example:80",
    "urn:isbn:3",
    "http://a.example\\@b.example/",
    "http://a.example\\/",
    "http://a.example#@b.example/",
    "http://a.example#/",
    "http://a.example?@b.example/",
    "http://a.example?\\@b.example/",
    "http://x@a.example@b.example/",
    "http://a.example:80@b.example:80:90/",
    "http://[@a.example/",
    "http://[::1]@a.example/",
    "http://\u00fc@a.example/",
    "http://a.example:x/",
    "http://a.example:-1/",
    "http://a.example:65536/",
    "http://a.example:\u0668\u0660/",
    "http://a..example/",
    "http://.a.example/",
    "http://a.example../",
    "http://a%2eexample/",
    "http://a.example%00.b.example/",
    "http://a,b.example/",
    "http://a.example;b/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 127 + "example/",
    "http://" + "\u00fc" * 300 + "/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[1.2.3.4]/",
    "http://[]/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.1.1/",
    "http://a.example.0x7f/",
    "http://1.2.3.256/",
    "http://\u2488example/x",
    "http://\ud7ff/",
]


@pytest.mark.parametrize("url", NOWHERE, ids=range(len(NOWHERE)))
def test_what_could_be_another_place_is_refused(url: str) -> None:
    with pytest.raises(BadHttp):
        goes_to(url, "Host: a.example")


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Host:",),
        ("Host: a.example", "Host: b.example"),
        ("Host: a.example", "host : b.example"),
        ("Host: a.example,b.example",),
        ("Host: a.example b.example",),
        ("Host: a.example", "\tb.example"),
        ("Host: user@a.example",),
        ("Host: a.example/x",),
        ("Host: http://a.example",),
        ("Host: a.example:80:80",),
    ],
)
def test_a_host_header_that_is_needed_names_one_place(lines: tuple[str, ...]) -> None:
    with pytest.raises(BadHttp):
        goes_to("/x", *lines)


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: a.example", "X-A : 1"),
        ("Host: a.example", "X-A\t: 1"),
        ("Host: a.example", "X-A\v: 1"),
        ("Host: a.example", "\fX-A: 1"),
        ("Host: a.example", "X-A", " : 1"),
        (" X-A: 1", "Host: a.example"),
    ],
)
def test_the_name_of_a_header_has_no_blank_about_it(lines: tuple[str, ...]) -> None:
    with pytest.raises(BadHttp, match="has a blank"):
        request(sent("http://a.example/", *lines))


def test_blanks_elsewhere_are_no_matter() -> None:
    lines = ("Host: a.example", "X-A:1 : 2", "X-B: 1", " 2 : 3", "no colon ")
    assert request(sent("http://a.example/", *lines)).headers[1:] == (
        ("X-A", "1 : 2"),
        ("X-B", "1 2 : 3"),
        ("no colon", ""),
    )


def test_many_blanks_take_no_time() -> None:
    with pytest.raises(BadHttp, match="has a blank"):
        request(sent("http://a.example/", "x" + " " * 200_000 + ":"))
    request(sent("http://a.example/", "x" + " " * 200_000, *["y "] * 10_000))


def test_two_host_headers_that_differ_are_refused_also_where_none_is_needed() -> None:
    assert goes_to("http://a.example/", "Host: b.example", "HOST: B.example") == "a.example"
    with pytest.raises(BadHttp, match="two different"):
        goes_to("http://a.example/", "Host: a.example", "Host: b.example")


@pytest.mark.parametrize(
    "target", ["a.example", "a.example:", "http://a.example:443/", "/x", "u@a.example:443", "*"]
)
def test_a_tunnel_to_no_port_is_refused(target: str) -> None:
    with pytest.raises(BadHttp):
        goes_to(target, "Host: a.example", method="CONNECT")


HEADS = [
    b"",
    b"\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1\r\n",
    b"GET http://a.example/ HTTP/1.1\n\n",
    b"GET http://a.example/ HTTP/1.1\r\nA: b\n\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1\r\nA: b\rHost: c\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1\r\nA: \0\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1\r\n\r\nHost: b\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1\r\n\r\n\r\n",
    b"GET http://a.example/\r\n\r\n",
    b"GET  http://a.example/ HTTP/1.1\r\n\r\n",
    b"GET http://a.example/ x HTTP/1.1\r\n\r\n",
    b"GET http://a.example/\t HTTP/1.1\r\n\r\n",
    b"GET\thttp://a.example/\tHTTP/1.1\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1 \r\n\r\n",
    b"GET http://a.example/ HTTP/11\r\n\r\n",
    b"GET http://a.example/ http/1.1\r\n\r\n",
    b"GET http://a.example/ ICAP/1.0\r\n\r\n",
    b"G(T http://a.example/ HTTP/1.1\r\n\r\n",
    b" GET http://a.example/ HTTP/1.1\r\n\r\n",
    b"\r\nGET http://a.example/ HTTP/1.1\r\n\r\n",
    b"GET http://a.example/\x7f HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("raw", HEADS, ids=range(len(HEADS)))
def test_a_head_that_two_may_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(BadHttp):
        request(raw)


def test_methods_and_values_are_read_as_they_are() -> None:
    read = request(b"pOsT http://a.example/\xfc HTTP/2\r\nno field\r\n: x\r\nA: \x01\xff\r\n\r\n")
    assert (read.method, read.version, read.url) == ("pOsT", "HTTP/2", "http://a.example/ü")
    assert read.headers == (("no field", ""), ("", "x"), ("A", "\x01\xff"))


@given(st.binary(max_size=200))
def test_trailers_are_read_whatever_they_are(raw: bytes) -> None:
    assert all(isinstance(part, str) for pair in fields(raw) for part in pair)


def test_many_folded_lines_are_read_at_once() -> None:
    ((_, value),) = fields(b"X: a" + b"\r\n b" * 60_000)
    assert value == "a" + " b" * 60_000


BITS = st.sampled_from(
    "http:// // a.example b.example user @ \\ / ? # : 80 [ ] ::1 %00 %40 . ü 1 0x1 ; , - * \u3002".split(" ")
)


@given(
    st.lists(BITS | st.sampled_from(" \t\0"), max_size=8).map("".join),
    st.sampled_from(["POST", "CONNECT", "OPTIONS"]),
)
def test_a_url_is_refused_or_goes_where_others_read_it(url: str, method: str) -> None:
    for target in (url, f"http://{url}"):
        try:
            found = request(sent(target, "Host: c.example", method=method))
        except BadHttp:
            continue
        if target.startswith(("/", "*")):
            assert found.host == "c.example"
        else:
            assert found.host == _others(f"//{target}" if method == "CONNECT" else target)


def _others(url: str) -> str:
    """Return the host as the standard library reads it."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    if ":" in host:
        return ipaddress.IPv6Address(host).compressed
    return host if host.isascii() else host.encode("idna").decode("ascii").removesuffix(".")


@given(st.binary(max_size=120), st.binary(max_size=60))
def test_whatever_the_bytes_it_is_a_request_or_bad(raw: bytes, place: bytes) -> None:
    for head in (
        raw,
        raw + b"\r\n\r\n",
        sent(b"http://" + place, "Host: a.example"),
        sent(b"/", "Host: ") + raw,
    ):
        try:
            found = request(head)
        except BadHttp:
            continue
        assert found.host
        assert found.host == found.host.lower()
