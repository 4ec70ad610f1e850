"""Escapes inside any text give another part; the text itself stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.limits import Limits
from exfilter.model import Part, Reason
from tests.content.reading import items, main, parts, reasons, records, texts

PLAIN = "# notes on a case, nothing here\n"


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("percent", "ann%40example.com", "ann@example.com"),
        ("percent", "J%C3%BCrgen%20Gro%C3%9F", "Jürgen Groß"),
        ("entities", "ann&#64;example.com", "ann@example.com"),
        ("entities", "J&uuml;rgen &commat; home", "Jürgen @ home"),
        ("escapes", r"ann\u0040example.com", "ann@example.com"),
        ("escapes", r"ann\x40example.com", "ann@example.com"),
        ("escapes", r"{\"mail\":\"ann@example.com\"}", '{"mail":"ann@example.com"}'),
        ("quoted-printable", "ann=\nlee@exam=\r\nple.com", "annlee@example.com"),
        ("quoted-printable", "J=C3=BCrgen", "Jürgen"),
    ],
)
def test_escapes_are_undone_in_a_part_of_their_own(name: str, written: str, meant: str) -> None:
    found = texts((PLAIN + written + "\n" + PLAIN).encode())
    assert written in found["customers.dat"]
    assert meant in found[f"customers.dat > {name}"]


def test_text_without_escapes_has_one_part() -> None:
    assert len(parts(PLAIN.encode() * 100)) == 1
    assert len(parts(b"# 100% sure & done = ok \\ not\n")) == 1


def test_a_view_holds_the_lines_around_its_escapes_only() -> None:
    lines = [f"# line {n}\n" for n in range(1000)]
    lines[500] = "ann%40example.com\n"
    view = parts("".join(lines).encode())[1]
    assert view.text == "# line 499\nann@example.com\n# line 501\n"


def test_a_view_of_a_table_keeps_its_rows() -> None:
    rows = [f"{n},Ann,ann{n}%40example.com,x\n" if n % 10 == 0 else f"{n},Bo,,y\n" for n in range(200)]
    view = parts("".join(rows).encode())[1]
    assert records(view) == [f"{n},Ann,ann{n}@example.com,x\n" for n in range(0, 200, 10)]


def test_escapes_in_escapes_are_undone() -> None:
    found = texts(b"# case\nann%26%2364%3Bexample.com\n")
    assert "ann@example.com" in found["customers.dat > percent > entities"]


def test_the_content_of_a_page_needs_no_second_view() -> None:
    assert "ann@example.com" in main(b"<p>ann&#64;example.com</p>").text
    assert [part.path for part in parts(b"<p>ann&#64;example.com</p>")] == [("customers.dat",)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ann+AEA-example.com", "ann@example.com"),
        ("+AGEAbgBuAEAAZQB4AGEAbQBwAGwAZQAuAGMAbwBt-", "ann@example.com"),
        ("J+APw-rgen +BBgEMgQwBD0-", "Jürgen Иван"),
    ],
)
def test_utf7_is_undone(written: str, meant: str) -> None:
    assert meant in texts((PLAIN + written + "\n").encode())["customers.dat > utf-7"]


def test_a_phone_number_is_no_utf7() -> None:
    assert len(parts(b"# call +442079460123 or +1 212 555 0100\n")) == 1


def test_views_are_bounded_by_the_text() -> None:
    body = b"# " + b"%25%34%30=3D&amp;\\u0041 " * 40_000
    found = items(body, limits=Limits(views=1))
    made = sum(len(part.text) for part in found if isinstance(part, Part))
    assert made <= 2 * len(body) + (1 << 17)
    assert Reason.OVER_BUDGET in reasons(body, limits=Limits(views=1))
    assert reasons(b"# " + b"ann%40example.com=3D\\u0041 " * 40_000) == []


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("octal", r"ann\100example\056com", "ann@example.com"),
        ("octal", r"\141\156\156\60\100example.com", "ann0@example.com"),
        ("octal", r"J\303\274rgen Gro\303\237", "Jürgen Groß"),
        ("code points", r"ann\u{40}example.com", "ann@example.com"),
        ("code points", r"ann\U00000040example.com", "ann@example.com"),
        ("code points", r"ann\40 example.com", "ann@example.com"),
        ("percent u", "ann%u0040example.com", "ann@example.com"),
        ("entities without end", "ann&#64example.com", "ann@example.com"),
        ("entities without end", "J&#xfc rgen", "Jü rgen"),
        ("names of XML", "ann_x0040_example.com", "ann@example.com"),
        ("encoded words", "=?utf-8?B?SsO8cmdlbg==?= =?iso-8859-1?Q?_Gro=DF?=", "Jürgen Groß"),
    ],
)
def test_rare_escapes_are_undone(name: str, written: str, meant: str) -> None:
    found = texts((PLAIN + written + "\n").encode())
    assert written in found["customers.dat"]
    assert meant in found[f"customers.dat > {name}"]


def test_code_points_beyond_the_last_stay() -> None:
    for written in (
        r"\U7fffffff",
        r"\u{110000}",
        r"\u{d800}",
        "%ud800",
        "_xdc00_",
        "=?x?B?!?=",
        "=?utf-8?B?====?=",
        "=?utf-8?B?abc!de?=",
        "=?utf-8?B?{abcde}?=",
        "=?utf-8?b?..ä.a?=",
    ):
        assert written in texts((PLAIN + written + "\n").encode())["customers.dat"]


@given(st.text(st.sampled_from("abAZ09+/=!{}.ä-_\x00"), max_size=40), st.sampled_from("BbQq"))
def test_no_encoded_word_is_a_mistake_of_its_reader(letters: str, kind: str) -> None:
    """One that was ended the reading of a text of 64 MB after 40."""
    assert PLAIN in texts(f"{PLAIN}=?utf-8?{kind}?{letters}?=\n{PLAIN}".encode())["customers.dat"]
