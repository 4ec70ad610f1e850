"""What a transfer is a part of, and who is exposed in all of its parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exfilter.index.canaries import planted
from exfilter.model import Stream, Transfer
from exfilter.uploads.recognising import recognise
from exfilter.uploads.request import Step
from tests.uploads import requests as r
from tests.uploads.conftest import Door, people
from tests.uploads.test_judging import (
    Protocol,
    azure,
    drive,
    drive_open,
    dropbox,
    forms,
    graph,
    ietf,
    lake,
    ranges,
    s3,
    s3_chunked,
    tus,
    tus_at_once,
    tus_joined,
)

WHOLES: list[Protocol] = [
    azure, drive, drive_open, dropbox, forms, graph, ietf, lake, ranges, s3, s3_chunked, tus, tus_at_once
]  # fmt: skip


def is_start(transfer: Transfer) -> bool:
    request = recognise(transfer)
    return request is None or request.step is Step.START


@pytest.mark.parametrize("protocol", WHOLES)
def test_the_requests_of_an_upload_share_a_thread_but_for_its_start(door: Door, protocol: Protocol) -> None:
    sent = protocol(b"rain " * 500, 3)
    threads = [door.send(each).thread for each in sent]
    assert {thread for thread, each in zip(threads, sent, strict=True) if is_start(each)} <= {""}
    shared = {thread for thread, each in zip(threads, sent, strict=True) if not is_start(each)}
    assert len(shared) == 1
    assert shared != {""}


def test_the_parts_that_tus_joins_are_three_threads(door: Door) -> None:
    sent = tus_joined(b"rain " * 500, 2)
    threads = {door.send(each).thread for each in sent if not is_start(each)}
    # The upload that joins them is never seen as a piece: it stands alone until it is remembered.
    assert len(threads) == 3


def test_a_retry_is_of_the_same_thread(door: Door) -> None:
    pieces = ranges(b"rain " * 500, 3)
    threads = [door.send(each).thread for each in (*pieces, pieces[-1], pieces[-1])]
    assert len(set(threads)) == 1


def test_the_next_upload_to_the_same_address_is_another_thread(door: Door) -> None:
    first = {door.send(each).thread for each in ranges(b"rain " * 90, 2)}
    door.now += 1.0
    second = {door.send(each).thread for each in ranges(b"snow " * 80, 2)}
    assert len(first) == len(second) == 1
    assert first != second


def test_others_and_other_uploads_have_other_threads(door: Door) -> None:
    sent = r.ranged(0, b"rain", 9)
    more = (replace(sent, actor="eva"), replace(sent, destination="b.example"), r.part(1, b"rain"))
    assert len({door.send(each).thread for each in (sent, *more)}) == 4


def test_what_is_no_upload_stands_alone(door: Door) -> None:
    assert door.send(r.sent("POST", "https://a.example/", {}, b"rain")).thread == ""


def test_a_message_of_a_stream_is_of_its_thread(door: Door) -> None:
    message = Transfer("proxy", b"rain", stream=Stream("id"))
    assert door.pipeline.examine(message).thread == "id"
    assert door.pipeline.failed("why", message, "malformed").thread == "id"  # type: ignore[arg-type]


def test_who_was_found_in_messages_before_is_exposed_by_what_stands_in_this_one(door: Door) -> None:
    whole = door.pipeline.examine(Transfer("proxy", people(1).encode())).findings
    (one,) = whole.identified.tolist()
    name = people(1).splitlines()[-1].split(",")[1:3]
    body = " ".join(name).encode()
    assert door.pipeline.examine(Transfer("proxy", body)).findings.exposed["name"].tolist() == []
    found = door.pipeline.examine(Transfer("proxy", body, stream=Stream("id", customers=(one,)))).findings
    assert {kind: who.tolist() for kind, who in found.exposed.items()} == {
        "name": [one], "email": [], "ticket": [], "phone": []
    }  # fmt: skip


def test_who_stands_in_several_pieces_is_exposed_by_the_fields_of_all(door: Door) -> None:
    text = people(12).encode()
    whole = door.pipeline.examine(Transfer("proxy", text)).findings
    assert whole.fields == {kind: len(who) for kind, who in whole.exposed.items()}
    found = [door.send(each).findings for each in ranges(text, 5)][-1]
    assert {kind: who.tolist() for kind, who in found.exposed.items()} == {
        kind: who.tolist() for kind, who in whole.exposed.items()
    }
    assert found.fields == whole.fields


def test_a_canary_over_the_seam_of_two_pieces_is_held_and_so_is_what_follows(door: Door) -> None:
    text = people(3).encode()
    engine = door.pipeline.engine
    (one,) = engine.findings(Transfer("proxy", people(1).encode()), door.pipeline.limits).identified.tolist()
    index = replace(engine.index, planted=planted({one: "support"}))
    door.pipeline = replace(door.pipeline, engine=replace(engine, index=index))
    cut = text.index(b"@") + 2
    first, second = r.ranged(0, text[:cut], len(text)), r.ranged(cut, text[cut:], len(text))
    assert not door.send(first).action.holds
    verdict = door.send(second)
    assert (verdict.rule, verdict.findings.canaries) == ("canary", {"support": 1})
    again = door.send(second)
    assert again.action.holds
    assert again.findings.canaries == {"support": 1}


def test_a_canary_in_a_message_before_still_counts(door: Door) -> None:
    engine = door.pipeline.engine
    index = replace(engine.index, planted=planted({7: "sales"}))
    pipeline = replace(door.pipeline, engine=replace(engine, index=index))
    message = Transfer("proxy", b"rain", stream=Stream("id", customers=(7,)))
    assert pipeline.examine(message).rule == "canary"
