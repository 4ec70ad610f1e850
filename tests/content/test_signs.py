"""A quick look never finds other escapes than their patterns do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exfilter.content.codes import WINDOW, codes
from exfilter.content.escapes import ESCAPES, Escape
from exfilter.content.signs import Signs

PIECES = st.sampled_from(
    [
        *("%", "40", "%40", "%C3%BC", "&", "#", "#64", "x40", "&amp;", "&commat;", ";", "\\", "u0040", "x41"),
        *("\\n", "\\\\", '\\"', "=", "=\n", "= \t\r\n", "=\r", "=40", "=3D", "=C3=BC", "=E2=80=99", "+"),
        *(
            "+AEA-",
            "+AB+AC0",
            "+abc-",
            "+A",
            "AZ",
            "/",
            "-",
            "\n",
            "\r\n",
            " ",
            "\x1b$B",
            "\x00",
            "a\x00b\x00",
        ),
        *("c\x00", "a", "Z", "9", "é", "\u0663", "\u2019", "\U0001f600", "        ", "\udc80"),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans with neighbours made one: how a run is cut does not matter."""
    bounds = [at for span in spans for at in span]
    inner = {end for end, start in pairwise(bounds[1:-1]) if end == start}
    kept = [at for at in bounds if at not in inner]
    return list(zip(kept[::2], kept[1::2], strict=True))


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
@given(text=TEXTS)
@example(text="=        \n.=         \n.=\n\n=\n")
@example(text="+AB+AC0 +abc+def- +ab- +123456-")
@example(text="&#1234567; &#12345678; &abcdefgh; &abcdefghi; &#xABCDEF;")
@example(text="%4")
def test_signs_find_what_the_pattern_finds(escape: Escape, text: str) -> None:
    found = escape.find(Signs(text), escape.pattern).tolist()
    wanted = [match.span() for match in escape.pattern.finditer(text)]
    assert joined([(start, end) for start, end in found]) == joined(wanted)


@pytest.mark.parametrize("offset", range(-4, 2))
def test_an_escape_is_found_across_two_windows(offset: int) -> None:
    text = "." * (WINDOW + offset) + "%40&amp;=\n."
    for escape in ESCAPES:
        found = escape.find(Signs(text), escape.pattern).tolist()
        assert [tuple(span) for span in found] == [match.span() for match in escape.pattern.finditer(text)]


@given(TEXTS)
def test_lines_begin_behind_line_ends(text: str) -> None:
    starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n" and at + 1 < len(text))]
    assert Signs(text).lines.tolist() == starts


@pytest.mark.parametrize(
    "escape", [escape for escape in ESCAPES if escape.by_lines], ids=lambda item: item.name
)
@given(lines=st.lists(TEXTS.map(lambda text: text + "\n"), max_size=5))
def test_lines_undone_together_are_lines_undone_apart(escape: Escape, lines: list[str]) -> None:
    lines = [line.replace("\udc80", "") for line in lines]
    assert escape.undo("".join(lines)) == "".join(map(escape.undo, lines))


@given(TEXTS, st.integers(0, 3))
def test_codes_are_those_of_ascii(text: str, pad: int) -> None:
    found = codes(text, pad).tolist()
    assert len(found) == len(text) + pad
    assert found[len(text) :] == [0] * pad
    assert all(
        code == ord(char) if char.isascii() else code >= 0x80 for code, char in zip(found, text, strict=False)
    )
