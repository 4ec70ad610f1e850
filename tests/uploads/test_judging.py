"""Pieces count together, an identifier across two of them is seen, and what completes a leak is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest

from exfilter.model import Action, Reason, Transfer
from exfilter.uploads.stitching import CANDIDATES
from fixtures.customers import customers
from tests.uploads import requests as r
from tests.uploads.conftest import PEOPLE, Door, MakeDoor, cut, packed, people

Protocol = Callable[[bytes, int], list[Transfer]]


def tus(data: bytes, count: int) -> list[Transfer]:
    return [r.tus_start(len(data)), *(r.tus(at, piece) for at, piece in cut(data, count))]


def tus_at_once(data: bytes, count: int) -> list[Transfer]:
    (_, first), *rest = cut(data, count)
    return [r.tus_start(len(data), first), *(r.tus(at, piece) for at, piece in rest)]


def tus_joined(data: bytes, count: int) -> list[Transfer]:
    half = len(data) // 2
    sent = []
    for name, some in (("a", data[:half]), ("b", data[half:])):
        sent.append(r.tus_start(len(some), more={"Upload-Concat": "partial"}))
        sent += [r.tus(at, piece, f"https://tus.example/files/{name}") for at, piece in cut(some, count)]
    headers = {"Tus-Resumable": "1.0.0", "Upload-Concat": "final;/files/a https://tus.example/files/b"}
    return [*sent, r.sent("POST", "https://tus.example/files", headers)]


def ietf(data: bytes, count: int) -> list[Transfer]:
    (_, first), *rest = cut(data, count)
    start = r.sent("POST", "https://ietf.example/upload", {"Upload-Complete": "?0"}, first)
    return [start, *(r.ietf(at, piece, last=at + len(piece) == len(data)) for at, piece in rest)]


def s3(data: bytes, count: int) -> list[Transfer]:
    parts = [r.part(number, piece) for number, (_, piece) in enumerate(cut(data, count), 1)]
    return [*reversed(parts), r.complete(*range(1, len(parts) + 1))]


def s3_chunked(data: bytes, count: int) -> list[Transfer]:
    framing = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    }
    parts = [
        r.part(number, r.chunked(piece, 700), **framing)
        for number, (_, piece) in enumerate(cut(data, count), 1)
    ]
    return [*parts, r.complete(*range(1, len(parts) + 1))]


def azure(data: bytes, count: int) -> list[Transfer]:
    names = [f"id{number}==" for number in range(count)][::-1]
    blocks = [r.block(name, piece) for name, (_, piece) in zip(names, cut(data, count), strict=True)]
    return [*reversed(blocks), r.block_list(*names)]


def lake(data: bytes, count: int) -> list[Transfer]:
    url = "https://acme.dfs.core.example/box/a.zip"
    sent = [
        r.sent("PATCH", f"{url}?action=append&position={at}", {}, piece) for at, piece in cut(data, count)
    ]
    return [*sent, r.sent("PATCH", f"{url}?action=flush&position={len(data)}")]


def dropbox(data: bytes, count: int) -> list[Transfer]:
    (_, first), *rest = cut(data, count)
    sent = [r.dropbox("append_v2", at, piece) for at, piece in rest]
    return [r.dropbox("start", None, first), *sent, r.dropbox("finish", len(data))]


def drive(data: bytes, count: int) -> list[Transfer]:
    return [r.sent("POST", r.DRIVE), *(r.drive(at, piece, len(data)) for at, piece in cut(data, count))]


def drive_open(data: bytes, count: int) -> list[Transfer]:
    sent = [r.drive(at, piece) for at, piece in cut(data, count)]
    end = {"Content-Range": f"bytes */{len(data)}"}
    return [*sent, r.sent("PUT", f"{r.DRIVE}&upload_id=ABg5-UzVnAu", end)]


def graph(data: bytes, count: int) -> list[Transfer]:
    return [r.graph(at, piece, len(data)) for at, piece in cut(data, count)]


def ranges(data: bytes, count: int) -> list[Transfer]:
    return [r.ranged(at, piece, len(data)) for at, piece in cut(data, count)]


def forms(data: bytes, count: int) -> list[Transfer]:
    """As a browser's script sends slices of a file."""
    sent = []
    for at, piece in cut(data, count):
        head = b'--cut\r\nContent-Disposition: form-data; name="id"\r\n\r\n7\r\n--cut\r\n'
        head += b'Content-Disposition: form-data; name="files[]"; filename="a.zip"\r\n\r\n'
        headers = {
            "Content-Range": f"bytes {at}-{at + len(piece) - 1}/{len(data)}",
            "Content-Type": "multipart/form-data; boundary=cut",
        }
        sent.append(
            r.sent("POST", "https://up.example/server/php/", headers, head + piece + b"\r\n--cut--\r\n")
        )
    return sent


ALL = [
    forms,
    tus,
    tus_at_once,
    tus_joined,
    ietf,
    s3,
    s3_chunked,
    azure,
    lake,
    dropbox,
    drive,
    drive_open,
    graph,
    ranges,
]


@pytest.mark.parametrize("protocol", ALL)
def test_a_zip_in_pieces_passes_to_a_listed_destination(door: Door, protocol: Protocol) -> None:
    assert door.passes(*protocol(packed("a quiet line\n"), 5))
    assert door.files == []


@pytest.mark.parametrize("protocol", ALL)
def test_a_zip_of_customers_is_held_by_what_completes_it(door: Door, protocol: Protocol) -> None:
    *pieces, last = protocol(packed(people(60)), 5)
    assert door.passes(*pieces)
    assert door.files
    verdict = door.send(last)
    assert verdict.action is Action.QUARANTINE
    assert verdict.rule == "many customers"
    assert verdict.findings.customers >= 60
    assert door.files == []
    again = door.send(last)
    assert (again.action, again.rule) == (Action.QUARANTINE, "upload-session")
    assert again.findings.customers == verdict.findings.customers


@pytest.mark.parametrize("protocol", ALL)
def test_a_list_in_pieces_is_held_when_its_pieces_reach_the_threshold_together(
    door: Door, protocol: Protocol
) -> None:
    *_, last = sent = protocol(people(60).encode(), 8)
    held = [door.send(each).action.holds for each in sent]
    assert not held[0]
    assert held.index(True) < len(sent) - 1 or protocol is tus_joined
    assert all(held[held.index(True) :]) or protocol is tus_joined
    assert door.send(last).rule == "upload-session"


@pytest.mark.parametrize("protocol", [ranges, s3, azure, tus, dropbox])
def test_who_is_cut_by_a_seam_is_found_before_the_end(door: Door, protocol: Protocol) -> None:
    email = next(each.email for each in customers(PEOPLE) if len(each.email) > 14)
    text = ("x" * 50 + " ") * 100 + email + (" " + "y" * 50) * 100
    middle = len(text) // 2
    assert text.index(email) < middle < text.index(email) + len(email)
    found = [door.send(each).findings.customers for each in protocol(text.encode(), 2)]
    assert max(found) == 1


def test_pieces_of_three_bytes_are_read_together(door: Door) -> None:
    one = next(islice(customers(PEOPLE), 3, None))
    text = f"Dear {one.first_name}, we wrote to {one.email} on Monday.".encode()
    found = [
        door.send(r.ranged(at, piece, 900)).findings.customers for at, piece in cut(text, len(text) // 3)
    ]
    assert found[-1] == 1
    assert found == sorted(found)


def test_a_retry_counts_once(door: Door) -> None:
    text = people(4).encode()
    for _ in range(9):
        verdict = door.send(r.part(1, text))
    assert verdict.findings.customers == 4
    assert len(door.files) == 1


def test_other_bytes_at_the_same_place_count_too_and_both_wholes_are_read(door: Door) -> None:
    leak, calm = cut(packed(people(60)), 3), cut(packed("nothing"), 3)
    for order in ((leak, calm), (calm, leak)):
        for which in order:
            assert door.passes(*(r.part(at + 1, piece) for at, (_, piece) in enumerate(which)))
        assert door.send(r.complete(1, 2, 3)).findings.customers >= 60
        door.folder /= "again"
        door.folder.mkdir()
        door.restart()


def test_parts_that_are_not_listed_are_read_all_the_same(door: Door) -> None:
    for number, (_, piece) in enumerate(cut(packed(people(60)), 3), 1):
        assert door.passes(r.part(number, piece))
    assert door.passes(r.part(9, b"nothing"))
    assert door.send(r.complete(9)).findings.customers >= 60


@pytest.mark.parametrize(
    "commit",
    [r.complete(1, 2), r.block_list("QQ=="), r.dropbox("finish", 9_000_000), r.ietf(9_000, b"x", last=True)],
)
def test_a_commit_of_pieces_that_were_never_seen_is_unscanned(door: Door, commit: Transfer) -> None:
    verdict = door.send(commit)
    assert verdict.action is Action.QUARANTINE
    assert {item.reason for item in verdict.findings.unscanned} == {Reason.OPAQUE}
    assert verdict.findings.unscanned_bytes >= 9_000


def test_a_missing_part_is_unscanned(door: Door) -> None:
    assert door.passes(r.part(1, b"a quiet line\n" * 9))
    verdict = door.send(r.complete(1, 2))
    assert verdict.rule == "unscanned"


def test_a_request_that_asks_how_much_has_arrived_passes(door: Door) -> None:
    asks = r.sent("PUT", f"{r.DRIVE}&upload_id=ABg5-UzVnAu", {"Content-Range": "bytes */90000"})
    assert door.passes(r.drive(0, b"a quiet line\n" * 9, 90_000), asks)


def test_a_shop_with_an_upload_id_is_left_alone(door: Door) -> None:
    assert door.passes(r.sent("POST", "https://shop.example/done?uploadId=7", {}, b"{}"))


def test_the_commit_comes_twice_and_passes_twice(door: Door) -> None:
    sent = s3(packed("a quiet line\n"), 3)
    assert door.passes(*sent, sent[-1])


def test_a_new_upload_to_the_same_address_begins_anew(door: Door) -> None:
    for words in ("first", "second", "third"):
        assert door.passes(*graph(packed(words), 4))
    assert not door.passes(*graph(packed(people(60)), 4))


def test_parts_that_come_just_behind_the_commit_are_judged_by_themselves(door: Door) -> None:
    """The commit may still be on its way, and complete what it was not judged with."""
    assert door.passes(*s3(packed("a quiet line\n"), 3))
    *parts, _ = s3(packed(people(300)), 3)
    assert not any(door.passes(part) for part in parts)
    door.now += 61
    assert door.passes(*parts), "then they are of another upload"


def test_the_last_bytes_of_what_was_sent_under_another_name_are_not_waived(door: Door) -> None:
    data = packed(people(300))
    first, rest = (0, data[:300]), (300, data[300:])
    assert door.passes(r.ranged(*first, len(data)))
    for path in ("/f/./7", "//f/7", "/f/q/../7", "/f/7;a"):
        same = replace(r.ranged(*rest, len(data)), url=f"https://up.example{path}")
        assert not door.passes(same), "the same name"
    other = replace(r.ranged(*rest, len(data)), url="https://up.example/f/8")
    assert not door.passes(other), "another name, of which the first bytes are missing"
    short = len(data) - 3000
    late = replace(r.ranged(short, data[short:], len(data)), url="https://up.example/f/9")
    assert not door.passes(late), "few bytes are unread in it, many before it"


def test_a_retry_of_the_last_piece_passes_again(door: Door) -> None:
    sent = graph(packed("quiet"), 4)
    assert door.passes(*sent, sent[-1])


def test_several_dropbox_uploads_at_once_whose_first_bytes_come_before_their_names(door: Door) -> None:
    first, second = cut(b"a quiet line\n" * 99, 2), cut(people(60).encode(), 2)
    door.send(r.dropbox("start", None, first[0][1]))
    assert not door.passes(
        r.dropbox("start", None, second[0][1]),
        r.dropbox("append_v2", second[1][0], second[1][1], "pid_2"),
        r.dropbox("finish", len(people(60)), b"", "pid_2"),
    )


def test_two_actors_and_two_destinations_do_not_meet(door: Door) -> None:
    text = people(12).encode()
    other = people(12, 12).encode()
    assert door.passes(r.part(1, text), replace(r.part(2, other), actor="anna"))
    assert door.passes(replace(r.part(2, other), destination="elsewhere.example"))
    assert not door.passes(r.part(2, other))


def test_a_start_that_is_all_of_the_upload_is_judged_as_a_whole(door: Door) -> None:
    data = packed(people(60))
    assert not door.passes(r.tus_start(len(data), data))
    command = {"X-Goog-Upload-Command": "start, upload, finalize"}
    noise = random.Random(1).randbytes(9000)
    assert not door.passes(r.sent("POST", "https://photos.example/v1/uploads", command, noise))
    assert not door.passes(r.sent("POST", r.DRIVE, {}, noise))


def test_more_starts_than_are_tried_leave_the_first_bytes_unscanned(door: Door) -> None:
    (_, first), (at, rest) = cut(b"a quiet line\n" * 2_000, 2)
    for number in range(CANDIDATES):
        assert door.passes(r.dropbox("start", None, b"%d" % number + first[1:]))
    assert door.passes(
        r.dropbox("append_v2", at, rest, "one"), r.dropbox("finish", at + len(rest), b"", "one")
    )
    for number in range(2):
        assert door.passes(r.dropbox("start", None, b"x%d" % number + first[2:]))
    assert door.passes(r.dropbox("append_v2", at, rest, "two"))
    assert door.send(r.dropbox("finish", at + len(rest), b"", "two")).rule == "unscanned"


def test_ranges_without_a_total_are_read_each_for_itself(door: Door) -> None:
    assert not door.passes(r.ranged(20_000, packed("quiet")[20_000:30_000]))


class TestPolicy:
    def test_elsewhere_a_piece_that_cannot_be_read_is_held(self, door_with: MakeDoor) -> None:
        door = door_with("")
        assert not door.passes(*s3(packed("quiet"), 2))
        assert door.passes(*graph(b"a quiet line\n" * 999, 4))

    def test_what_was_only_unreadable_is_judged_anew(self, door_with: MakeDoor) -> None:
        door, listed = door_with(""), door_with()
        sent = graph(packed("quiet"), 3)
        assert not door.passes(sent[0])
        assert listed.passes(*sent)

    def test_elsewhere_such_uploads_may_be_refused(self, door_with: MakeDoor) -> None:
        door = door_with('[uploads]\ndestinations = ["drive.test"]\nelsewhere = "refuse"\n')
        for protocol in ALL:
            for transfer in protocol(b"a quiet line\n" * 99, 3):
                verdict = door.send(transfer)
                assert (verdict.action, verdict.rule) == (Action.QUARANTINE, "upload-session")
        assert door.passes(r.sent("POST", "https://plain.example/", {}, b"a quiet line\n"))
        assert door.passes(r.ranged(0, b"abc", 3))

    def test_an_upload_that_is_too_large_is_held(self, door_with: MakeDoor) -> None:
        door = door_with(bytes_in=50_000)
        first, *rest = s3(b"a quiet line\n" * 5_000, 3)
        assert door.passes(first)
        verdict = [door.send(each) for each in rest][-2]
        assert [item.reason for item in verdict.findings.unscanned] == [Reason.OVER_BUDGET]
        assert verdict.action is Action.QUARANTINE
        assert not door.passes(r.tus_start(50_001))
        assert not door.passes(r.drive(0, b"a", 50_001))

    def test_appended_blocks_are_never_complete_and_are_read_each_for_itself(self, door: Door) -> None:
        appends = [r.sent("PUT", r.BLOB + "?comp=appendblock", {}, piece) for _, piece in cut(packed("q"), 3)]
        assert not door.passes(*appends)

    def test_blocks_that_are_appended_are_read_in_the_order_in_which_they_come(self, door: Door) -> None:
        address = next(each.email for each in customers(PEOPLE) if len(each.email) > 14)
        pieces = (f"we wrote to {address[:6]}", f"{address[6:]} on Monday")
        sent = [r.sent("PUT", r.BLOB + "?comp=appendblock", {}, piece.encode()) for piece in pieces]
        assert [door.send(each).findings.customers for each in sent] == [0, 1]

    def test_a_piece_of_tus_of_unknown_length_is_read_for_itself(self, door: Door) -> None:
        assert not door.passes(r.tus(0, packed("quiet")[:9000]))
        assert door.passes(r.tus_start(None), r.tus(0, packed("quiet")[:9000]))
