"""A mask never contains the value."""

from __future__ import annotations

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
