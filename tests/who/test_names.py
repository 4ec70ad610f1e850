"""Names behind pseudonyms: sealed, of one length, each for its own pseudonym."""

from __future__ import annotations

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.who import names

KEY = pyrage.x25519.Identity.generate()


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_what_was_sealed_is_revealed(name: str) -> None:
    assert names.reveal(names.seal("p-1", name, [KEY.to_public()]), "p-1", [KEY]) == name


def test_the_length_does_not_tell_who_it_is() -> None:
    sealed = [
        names.seal("p-1", name, [KEY.to_public()]) for name in ("bo", "a-much-longer-name@corp.example")
    ]
    # age itself varies by some bytes: it adds a stanza of random length.
    assert abs(len(sealed[0]) - len(sealed[1])) < names.BLOCK


def test_it_opens_for_its_pseudonym_and_its_key_only() -> None:
    sealed = names.seal("p-1", "anna", [KEY.to_public()])
    with pytest.raises(ValueError, match="altered"):
        names.reveal(sealed, "p-2", [KEY])
    with pytest.raises(ValueError, match="no key opens"):
        names.reveal(sealed, "p-1", [pyrage.x25519.Identity.generate()])


def test_without_anybody_to_seal_to_it_says_so() -> None:
    with pytest.raises(ValueError, match="reviewers"):
        names.seal("p-1", "anna", [])
