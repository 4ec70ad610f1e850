"""Text in NFC, also where most of it is not looked at."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from exfilter.content import normal

PIECES = st.sampled_from(
    [
        *(
            "a",
            "e",
            "\n",
            " ",
            "é",
            "e\u0301",
            "\u0301",
            "\u0327",
            "\u1100",
            "\u1161",
            "\u11a8",
            "가",
            "\u2019",
        ),
        *(
            "\u2126",
            "\u0344",
            "\u09c7\u09be",
            "\U00011099\U000110ba",
            "\U0002f800",
            "\U0001f600",
            "Ł",
            "中",
            "x" * 40,
        ),
    ]
)


TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS)
def test_composed_text_is_in_nfc(text: str) -> None:
    assert normal.composed(text) == unicodedata.normalize("NFC", text)


@given(st.lists(PIECES | st.just("a" + "\u0301\u0327" * 40), max_size=20).map("".join))
def test_runs_of_marks_are_composed_whatever_stands_around_them(text: str) -> None:
    lines = text.split("\n")
    assert normal.composed(text) == "\n".join(map(normal.composed, lines))


@given(TEXTS | st.text())
def test_the_compiled_pass_finds_the_same_characters(text: str) -> None:
    assert normal.unsettled(text).tolist() == normal.unsettled_slowly(text).tolist()


def test_characters_that_are_not_looked_at_stay_as_they_are() -> None:
    quiet = [chr(code) for code, unsettled in enumerate(normal._unsettled()) if not unsettled]
    characters = [char for char in quiet if not 0xD800 <= ord(char) < 0xE000]
    assert not any(map(unicodedata.combining, characters))
    assert unicodedata.is_normalized("NFC", "\n".join(characters))
    composing = {
        part
        for char in map(chr, range(0x110000))
        if (parts := unicodedata.decomposition(char)) and not parts.startswith("<")
        for part in parts.split()[1:]
    }
    assert not composing & {f"{ord(char):04X}" for char in characters}
    syllable = unicodedata.normalize("NFD", "각")
    assert not set(syllable[1:]) & set(characters)
