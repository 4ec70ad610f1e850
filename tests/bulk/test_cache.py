"""A node's copies of indexes: whatever breaks off, a copy is whole or is none."""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.bulk import cache
from exfilter.bulk.cache import COMING, KEPT, Cache, Listed, Listing, Piece, open_cache

ID, OTHER = "0123456789abcdef", "fedcba9876543210"
FILES = {
    "manifest.json": b"{}",
    "records.npy": bytes(range(256)) * 10,
    "roles.npy": b"",
    "filter.npy": b"x" * 999,
}


def listing(files: dict[str, bytes] = FILES, index_id: str = ID) -> Listing:
    return Listing(
        index_id, {name: Listed(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    )


def pieces(length: int, files: dict[str, bytes] = FILES) -> Iterator[Piece]:
    for name, data in files.items():
        for start in range(0, max(1, len(data)), length):
            yield Piece(name, start, data[start : start + length])


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return open_cache()


def deliver(node: Cache, length: int = 300, of: Listing | None = None) -> bool:
    for piece in pieces(length):
        node.take(of or listing(), piece)
    return node.finish(of or listing())


def copy(node: Cache, index_id: str = ID) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (node.place(index_id) / index_id).iterdir()}


def age(folder: Path) -> None:
    for each in (folder, *folder.rglob("*")):
        os.utime(each, (time.time() - 2 * KEPT,) * 2)


def test_a_copy_is_what_was_sent_and_its_owners_alone(node: Cache) -> None:
    assert not node.holds(ID)
    assert deliver(node)
    assert node.holds(ID)
    assert copy(node) == FILES
    assert {oct(each.stat().st_mode & 0o77) for each in (node.root, *node.root.rglob("*"))} == {"0o0"}


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(FILES)), st.integers(0, 2600), st.integers(1, 2600)), max_size=30
    ),
    st.integers(100, 3000),
)
def test_pieces_in_any_order_again_or_left_out_never_make_another_copy(
    tmp_path_factory: pytest.TempPathFactory, sent: list[tuple[str, int, int]], length: int
) -> None:
    node = Cache(tmp_path_factory.mktemp("node"))
    for name, start, size in sent:
        here = node.take(listing(), Piece(name, start, FILES[name][start : start + size]))
        assert here == node.received(listing()) <= listing().bytes
    assert deliver(node, length)
    assert copy(node) == FILES


@pytest.mark.parametrize("fault", ["changed", "longer", "lost"])
def test_what_did_not_arrive_as_it_was_sent_is_removed(node: Cache, fault: str) -> None:
    for piece in pieces(300):
        node.take(listing(), piece)
    file = node.root / f"{COMING}{ID}" / ID / "records.npy"
    if fault == "lost":
        file.unlink()
    else:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + b"?" if fault == "changed" else data + b"?")
    assert not node.finish(listing())
    assert not node.holds(ID)
    assert node.received(listing()) == 0
    assert deliver(node)


def test_a_worker_that_died_in_a_piece_leaves_what_the_next_one_goes_on_with(node: Cache) -> None:
    several = list(pieces(300))
    for piece in several[:4]:
        node.take(listing(), piece)
    file = node.root / f"{COMING}{ID}" / ID / "records.npy"
    os.truncate(file, 700)
    assert node.received(listing()) == len(FILES["manifest.json"]) + 700
    assert node.take(listing(), several[6]) == len(FILES["manifest.json"]) + 700
    assert deliver(node)


def test_two_drivers_at_once_make_one_copy(node: Cache) -> None:
    good: list[bool] = []
    drivers = [threading.Thread(target=lambda: good.append(deliver(node, 50))) for _ in range(2)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert good == [True, True]
    assert copy(node) == FILES
    assert [each.name for each in node.root.iterdir() if not each.name.startswith(".l")] == [ID]


def test_old_copies_go_when_nobody_has_them_open(node: Cache) -> None:
    deliver(node)
    used = node.use(ID)
    assert used is not None
    age(node.root)
    node.sweep(OTHER)
    assert node.holds(ID)
    os.close(used)
    node.sweep(OTHER)
    assert not node.holds(ID)
    assert node.use(ID) is None


def test_a_copy_that_was_just_brought_is_left_to_who_brought_it(node: Cache) -> None:
    deliver(node)
    node.sweep(OTHER)
    assert node.holds(ID)


def test_a_part_of_a_copy_goes_when_nobody_has_added_to_it_for_long(node: Cache) -> None:
    node.take(listing(), next(pieces(300)))
    part = node.root / f"{COMING}{ID}"
    node.sweep(OTHER)
    assert part.exists()
    age(part)
    node.sweep(ID)
    assert part.exists()
    node.sweep(OTHER)
    assert not part.exists()


def test_a_disk_that_takes_no_more_is_an_error_and_leaves_no_part(node: Cache) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            deliver(node)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not (node.root / f"{COMING}{ID}").exists()
    assert deliver(node)


def test_a_disk_that_is_too_small_is_known_before(node: Cache) -> None:
    assert node.room(listing()) == 0
    huge = Listing(ID, {"records.npy": Listed(1 << 62, "")})
    assert node.room(huge) > 1 << 61


def test_nodes_have_tokens_of_their_own(node: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_cache().node() == node.node()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert open_cache().node() != node.node()


def test_a_cache_that_others_can_read_is_refused(node: Cache) -> None:
    node.root.chmod(0o750)
    with pytest.raises(PermissionError, match="chmod 700"):
        open_cache()


def test_a_cache_that_is_a_link_is_refused(node: Cache, tmp_path: Path) -> None:
    node.root.rename(tmp_path / "elsewhere")
    node.root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="remove it"):
        open_cache()


def test_names_that_lead_elsewhere_are_refused(node: Cache) -> None:
    outside = listing({"../../x.npy": b"x"})
    with pytest.raises(ValueError, match="no file of an index"):
        node.take(outside, Piece("../../x.npy", 0, b"x"))
    with pytest.raises(ValueError, match="no index id"):
        node.place("../../../../tmp")


def test_a_file_that_is_a_link_is_not_written_through(node: Cache, tmp_path: Path) -> None:
    node.take(listing(), next(pieces(300)))
    target = tmp_path / "target"
    target.write_bytes(b"")
    (node.root / f"{COMING}{ID}" / ID / "records.npy").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        node.take(listing(), Piece("records.npy", 0, b"x"))
    assert target.read_bytes() == b""


def test_no_step_is_taken_while_another_is(node: Cache) -> None:
    with (node.root / cache.LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=deliver, args=(node,))
        waiting.start()
        waiting.join(0.1)
        assert not (node.root / f"{COMING}{ID}").exists()
    waiting.join()
    assert node.holds(ID)
