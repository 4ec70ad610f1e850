"""However a text is cut, in whatever order and how often its pieces come, all who are in it are found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exfilter.model import Kind, Ordinals, Transfer
from exfilter.uploads.assembly import Piece, missing, painted, reach
from exfilter.uploads.tally import Tally, over, restored, stored, together
from tests.uploads import requests as r
from tests.uploads.conftest import Door, MakeDoor, people

TEXT = people(4).encode()


def ranges(cut: list[tuple[int, bytes]]) -> list[Transfer]:
    return [r.ranged(at, piece, len(TEXT)) for at, piece in cut]


def parts(cut: list[tuple[int, bytes]]) -> list[Transfer]:
    return [r.part(number, piece) for number, (_, piece) in enumerate(cut, 1)]


def blocks(cut: list[tuple[int, bytes]]) -> list[Transfer]:
    return [r.block(f"b{number}", piece) for number, (_, piece) in enumerate(cut)]


@st.composite
def uploads(draw: st.DrawFn) -> tuple[list[Transfer], list[Transfer]]:
    """Return pieces in some order, with retries, and the request that completes them, if there is one."""
    places = sorted(draw(st.sets(st.integers(1, len(TEXT) - 1), min_size=1, max_size=7)))
    cut = [(low, TEXT[low:high]) for low, high in pairwise([0, *places, len(TEXT)])]
    protocol = draw(st.sampled_from([ranges, parts, blocks]))
    pieces = protocol(cut)
    sent = draw(st.permutations(pieces + draw(st.lists(st.sampled_from(pieces), max_size=3))))
    if protocol is ranges:
        last = next(at for at in range(len(sent)) if all(each in sent[: at + 1] for each in pieces))
        return sent[:last], [sent[last]]
    commit = r.complete(*range(1, len(cut) + 1)) if protocol is parts else r.block_list(*_names(len(cut)))
    return sent, [commit]


def _names(count: int) -> list[str]:
    return [f"b{number}" for number in range(count)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uploads())
def test_any_split_in_any_order_with_retries_yields_the_customers_of_the_whole(
    door_with: MakeDoor, upload: tuple[list[Transfer], list[Transfer]]
) -> None:
    pieces, (last,) = upload
    with tempfile.TemporaryDirectory() as folder:
        door: Door = door_with(folder=Path(folder))
        whole = door.pipeline.examine(Transfer("proxy", TEXT)).findings
        found = [door.send(each).findings for each in pieces]
        counts = [each.customers for each in found]
        assert counts == sorted(counts), "the union shrank"
        end = door.send(last).findings
        assert end.identified.tolist() == whole.identified.tolist()
        assert end.unscanned == ()


ORDINALS = st.lists(st.integers(0, 15)).map(lambda some: np.unique(np.array(some, dtype=np.int64)))
COUNTS = st.dictionaries(st.sampled_from("xy"), st.integers(0, 9))
EXPOSED: st.SearchStrategy[dict[str, Ordinals]] = st.just({}) | st.fixed_dictionaries(
    {kind.name.lower(): ORDINALS for kind in Kind}
)
TALLIES = st.builds(Tally, ORDINALS, st.integers(0, 12), ORDINALS, COUNTS, COUNTS, EXPOSED)


@given(TALLIES, TALLIES, st.sampled_from([together, over]))
def test_a_union_never_shrinks(one: Tally, other: Tally, join: Callable[[Tally, Tally], Tally]) -> None:
    both = join(one, other).findings((), 0)
    for each in (one, other):
        alone = each.findings((), 0)
        assert both.customers >= alone.customers
        assert len(both.identified) >= len(alone.identified)
        assert all(both.terms[label] >= count for label, count in alone.terms.items())
        assert all(set(who) <= set(_of(join(one, other), kind)) for kind, who in each.exposed.items())
    everybody = {*both.identified, *both.estimated_ordinals}
    assert all(set(who) <= everybody for who in both.exposed.values())
    assert all(both.fields[kind] == len(who) for kind, who in both.exposed.items())


def _of(tally: Tally, kind: str) -> list[int]:
    who: list[int] = tally.exposed[kind].tolist()
    return who


@given(TALLIES)
def test_a_tally_is_kept_as_it_is(one: Tally) -> None:
    again = restored(**stored(one))  # type: ignore[arg-type]
    assert again.findings((), 0).customers == one.findings((), 0).customers
    assert (again.fields, again.terms) == (one.fields, one.terms)
    assert {kind: who.tolist() for kind, who in again.exposed.items()} == {
        kind: who.tolist() for kind, who in one.exposed.items()
    }


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=9),
    st.booleans(),
)
def test_the_pieces_are_painted_over_each_other_as_the_slow_way_does(
    given_: list[tuple[int, int]],
    newest: bool,  # noqa: FBT001
) -> None:
    placed = [(at, Piece(turn, turn, str(turn), at, size, "")) for turn, (at, size) in enumerate(given_)]
    slow: dict[int, tuple[int, int]] = {}
    for at, piece in placed if newest else reversed(placed):
        slow |= {at + byte: (piece.number, byte) for byte in range(piece.size)}
    segments = painted(placed, newest=newest)
    fast = {
        segment.at + byte: (segment.piece.number, segment.start + byte)
        for segment in segments
        for byte in range(segment.length)
    }
    assert fast == slow
    assert missing(segments, 50) == 50 - len([byte for byte in slow if byte < 50])
    assert reach(segments) == next(byte for byte in range(99) if byte not in slow)
