"""A mask never contains the value."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.mask import mask
from exfilter.model import Kind


@given(
    st.text(min_size=1, max_size=40).filter(lambda text: any(c.isalnum() for c in text)),
    st.sampled_from(Kind),
)
def test_a_mask_never_contains_the_value(value: str, kind: Kind) -> None:
    assert value.strip() not in mask(value, kind)


@given(st.text("abcdefgh", min_size=4, max_size=12), st.text("abcdefgh", min_size=4, max_size=12))
def test_a_mask_shows_no_word(local: str, domain: str) -> None:
    masked = mask(f"{local}@{domain}.example", Kind.EMAIL)
    assert local not in masked
    assert domain not in masked


def test_masks_tell_enough_to_recognise_by() -> None:
    assert mask("anna.smith@example.com", Kind.EMAIL) == "a•••.s•••@e•••.c•••"
    assert mask("+1 212 555 0142", Kind.PHONE) == "+• ••• ••• ••42"
    assert mask("TM-12345678", Kind.TICKET) == "••-••••••78"
    assert mask("Anna Smith", Kind.NAME) == "A••• S•••"


def runs(text: str) -> list[str]:
    """Letters and digits that stand together, as the kernel reads them: compatibility forms are the same."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return re.findall(r"[^\W_]+", plain)


ENCLOSED = st.characters(min_codepoint=0x24B6, max_codepoint=0x24E9) | st.characters(
    min_codepoint=0x1F130, max_codepoint=0x1F189
)
LETTERS = st.text(
    ENCLOSED | st.characters(categories=["L", "N", "So", "Mn"]) | st.sampled_from(". @-"), max_size=30
)


@given(LETTERS, st.sampled_from([Kind.EMAIL, Kind.NAME]))
def test_no_two_letters_of_a_name_stay_together_in_any_spelling(value: str, kind: Kind) -> None:
    assert all(len(run) == 1 for run in runs(mask(value, kind)))


@given(LETTERS, st.sampled_from([Kind.PHONE, Kind.TICKET]))
def test_no_more_of_a_number_stays_than_its_last_two_signs(value: str, kind: Kind) -> None:
    assert sum(map(len, runs(mask(value, kind)))) <= 2


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("ⓙⓞⓗⓝ.ⓢⓜⓘⓣⓗ@example.com", "••••.••••@e•••.c•••"),
        ("🅹🅾🅷🅽 🅂🄼🄸🅃🄷", "•••• ••••"),
        ("j\u0336o\u0336h\u0336n\u0336", "j•••"),
        ("⠚⠕⠓⠝", "••••"),
        ("ﬃ-ﬃx", "•-••"),
    ],
)
def test_signs_that_are_no_letters_by_their_class_are_masked_too(value: str, masked: str) -> None:
    assert mask(value, Kind.EMAIL) == masked
    assert not re.search(r"[^\W_]{2}", mask(value, Kind.PHONE)[:-2])
