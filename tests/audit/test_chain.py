"""Whatever is changed in an audit log, the first place is named."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.audit import GENESIS, Checkpoint, Content, Link, Signer, fault, signing
from exfilter.audit.verifying import verify

texts = st.text(max_size=8)
contents = st.builds(Content, st.floats(0, 4e9), texts, texts, texts, texts, texts)


def chained(told: list[Content]) -> list[Link]:
    links: list[Link] = []
    for number, content in enumerate(told, 1):
        links.append(Link.after(number, links[-1].hash if links else GENESIS, content.digest()))
    return links


def first(links: list[Link]) -> int | None:
    found = fault(links, {link.hash for link in links})
    return found.number if found else None


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("keys") / "audit.key")


@given(st.lists(contents))
def test_what_was_written_is_whole(told: list[Content]) -> None:
    assert first(chained(told)) is None


@given(st.lists(contents, min_size=1), st.data())
def test_an_altered_entry_is_named(told: list[Content], data: st.DataObject) -> None:
    links = chained(told)
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(contents.filter(lambda each: each.digest() != told[at].digest()))
    links[at] = dataclasses.replace(links[at], content=other.digest())
    assert first(links) == at + 1


@given(st.lists(contents, min_size=2), st.data())
def test_of_a_missing_entry_the_one_that_it_stood_before_is_named(
    told: list[Content], data: st.DataObject
) -> None:
    links = chained(told)
    at = data.draw(st.integers(0, len(links) - 2))
    del links[at]
    found = fault(links, {link.hash for link in links})
    assert found
    assert (found.number, found.kind) == (at + 2, "missing")


@given(st.lists(contents, min_size=2, unique_by=Content.digest), st.randoms(use_true_random=False))
def test_the_first_of_reordered_entries_is_named(told: list[Content], chance: random.Random) -> None:
    links = chained(told)
    order = list(range(len(links)))
    chance.shuffle(order)
    moved = [
        dataclasses.replace(links[old], number=new) for new, old in enumerate(order, 1)
    ]  # renumbered: the numbers prove nothing
    expected = next((new for new, old in enumerate(order, 1) if new != old + 1), None)
    found = fault(moved, {link.hash for link in moved})
    assert (found.number if found else None) == expected
    assert found is None or found.kind == "reordered"


def test_an_entry_hashed_anew_with_all_after_it_contradicts_a_checkpoint(signer: Signer) -> None:
    told = [Content(float(number), "ann", "release", f"t-{number}", "") for number in range(5)]
    links = chained(told)
    point = signer.checkpoint(4, links[3].hash, 9.0)
    forged = chained([*told[:2], dataclasses.replace(told[2], who="bob"), *told[3:]])
    assert verify(links, links[-1], [point], {signer.public}).fault is None
    found = verify(forged, forged[-1], [point], {signer.public}).fault
    assert found
    assert (found.number, found.kind) == (4, "rewritten")


def test_a_log_that_was_cut_off_says_what_is_missing(signer: Signer) -> None:
    links = chained([Content(float(number), "ann", "deny", f"t-{number}", "") for number in range(5)])
    point = signer.checkpoint(5, links[4].hash, 9.0)
    found = verify(links[:3], links[4], [], set()).fault
    assert found
    assert (found.number, found.kind) == (4, "missing")
    # Also where the end was set back with it.
    found = verify(links[:3], links[2], [point], {signer.public}).fault
    assert found
    assert (found.number, found.kind) == (5, "missing")
    found = verify([], None, [point], {signer.public}).fault
    assert found
    assert found.kind == "missing"


def test_a_row_that_somebody_put_there_is_named() -> None:
    links = chained([Content(1.0, "ann", "deny", "t-1", "")])
    more = Link.after(2, links[0].hash, Content(2.0, "ann", "release", "t-2", "").digest())
    found = verify([*links, more], links[0], [], set()).fault
    assert found
    assert found.number == 2
    found = verify([*links, dataclasses.replace(more, hash="", previous="")], links[0], [], set()).fault
    assert found
    assert found.number == 2


def test_a_checkpoint_counts_only_with_its_signature_and_a_signer_who_is_known(
    signer: Signer, tmp_path: Path
) -> None:
    links = chained([Content(1.0, "ann", "deny", "t-1", "")])
    stranger = Signer(tmp_path / "other.key").checkpoint(1, links[0].hash, 2.0)
    assert verify(links, links[0], [stranger], {signer.public}).fault
    forged = dataclasses.replace(signer.checkpoint(1, links[0].hash, 2.0), time=1.0)
    assert verify(links, links[0], [forged], {signer.public}).fault


def test_a_checkpoint_survives_its_line(signer: Signer) -> None:
    point = signer.checkpoint(3, GENESIS, 1.5)
    assert signing.read(point.told()) == point
    for wrong in ("", "{}", "[1]", point.told()[:-1], point.told().replace(GENESIS, "zz")):
        with pytest.raises(ValueError, match="not a checkpoint"):
            signing.read(wrong)


def test_the_private_key_is_in_no_repr(tmp_path: Path) -> None:
    signer = Signer(tmp_path / "audit.key")
    secret = (tmp_path / "audit.key").read_bytes()
    assert secret.hex() not in repr(signer)
    assert isinstance(signer.checkpoint(1, GENESIS, 0.0), Checkpoint)
