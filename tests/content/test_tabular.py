"""Tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content import tabular
from exfilter.content.codes import places
from exfilter.limits import Limits
from tests.content.reading import main, parts, records


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
def test_rows_are_records_and_the_text_stays(mark: str) -> None:
    rows = ["id,name,mail\n", '1,"Lee, Ann",ann@example.com\n', "2,Bo,bo@example.com\n"]
    rows = [row.replace(",", mark) for row in rows]
    part = main("".join(rows).encode())
    assert part.text == "".join(rows)
    assert records(part) == rows


def test_a_quoted_line_end_does_not_begin_a_row() -> None:
    rows = ["a,b,c\n", '1,"two\nlines",x\n', '2,"say ""hi""\nto me",y\n', "3,,z\n"]
    assert records(main("".join(rows).encode())) == rows


def test_a_quote_inside_a_field_is_a_quote() -> None:
    rows = ["a,b,c\n", '1,5" disk,x\n', '2,"z",7"\n', "3,q,z\n"]
    assert records(main("".join(rows).encode())) == rows


def test_rows_with_line_ends_of_windows() -> None:
    rows = ["a,b\r\n", '"x\r\ny",2\r\n', "3,4\r\n", "5,6"]
    assert records(main("".join(rows).encode())) == rows


def test_a_quoted_field_that_goes_over_blocks_stays_one_row() -> None:
    rows = [f'{n},"line\nline {n}\nand one more line",x{n}\n' for n in range(400)]
    found = parts("".join(rows).encode(), limits=Limits(slice_bytes=500, overlap=0))
    starts = [part.text[at:] for part in found for at in (part.records if part.records is not None else ())]
    assert len(starts) == len(rows)
    assert all(start[0].isdigit() for start in starts)


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nplease find, below, the report.\nKind regards, and thanks\nAnn\n",
        "one line, with a comma\n",
        "no separators\nat all\nin here\n",
    ],
)
def test_prose_has_no_records(text: str) -> None:
    part = main(text.encode())
    assert part.records is None
    assert part.text == text


def test_the_type_says_nothing() -> None:
    body = b"a,b\n1,2\n3,4\n"
    for declared in ("application/json", "image/png", "multipart/form-data; boundary=x", "text/html"):
        assert records(main(body, (("Content-Type", declared),))) == ["a,b\n", "1,2\n", "3,4\n"]


@given(
    st.lists(st.sampled_from(['"', '""', ",", "\n", "a", "b c", 'x"y', "é"]), max_size=60).map("".join),
)
def test_a_quick_look_misses_no_field_over_a_line_end(text: str) -> None:
    if not tabular._may_go_on(text, places(text, "\n"), ","):
        assert not tabular._ACROSS[","].search(text)
