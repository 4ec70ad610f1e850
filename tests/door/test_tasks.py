"""What the door says to its workers arrives as it was, however large."""

from __future__ import annotations

import os
import socket
from dataclasses import fields
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.body import Filed, whole
from exfilter.door import tasks
from exfilter.model import Reason, Stream, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
HEADERS = st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple)
TRANSFERS = st.builds(
    Transfer,
    door=TEXT,
    body=st.binary(max_size=50),
    name=TEXT,
    actor=TEXT,
    destination=TEXT,
    method=TEXT,
    url=TEXT,
    headers=HEADERS,
    trailers=HEADERS,
    time=st.floats(0, 1e10),
    stream=st.none()
    | st.builds(
        Stream, TEXT, st.binary(max_size=9), st.lists(st.integers(0, 9)).map(tuple), st.integers(0, 9)
    ),
)


@pytest.fixture(scope="module")
def links() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


@given(TRANSFERS)
def test_a_transfer_is_the_same_on_the_other_side(
    links: tuple[socket.socket, socket.socket], transfer: Transfer
) -> None:
    task = tasks.Judge(tasks.sent(transfer), 1.0, 2.0, len(transfer.body), tasks.inline(transfer))
    tasks.give(links[0], task)
    assert tasks.take(links[1]) == (task, [])
    assert tasks.transfer(task.transfer, task.body or b"") == transfer


def test_all_of_a_transfer_is_sent_but_its_body_and_what_the_worker_finds_out() -> None:
    here = {field.name for field in fields(Transfer)} - {"body", "groups_known"}
    assert set(tasks.Sent.__struct_fields__) == here


def test_a_head_that_is_larger_than_a_message_goes_as_a_file(
    links: tuple[socket.socket, socket.socket],
) -> None:
    transfer = Transfer("proxy", b"", headers=(("x", "y" * 3_000_000),))
    tasks.give(links[0], tasks.Refuse(tasks.sent(transfer), "why", Reason.MALFORMED))
    taken = tasks.take(links[1])
    assert taken is not None
    assert isinstance(taken[0], tasks.Refuse)
    assert taken[0].transfer.headers == transfer.headers
    assert not taken[1], "the file of the message itself is closed"


def test_a_body_in_a_file_goes_as_its_descriptor(links: tuple[socket.socket, socket.socket]) -> None:
    descriptor = tasks.memory(b"x" * 200_000)
    transfer = Transfer("proxy", Filed(descriptor, 200_000))
    task = tasks.Judge(tasks.sent(transfer), 1.0, 2.0, 200_000, tasks.inline(transfer))
    tasks.give(links[0], task, [descriptor])
    os.close(descriptor)
    taken = tasks.take(links[1])
    assert taken is not None
    (theirs,) = taken[1]
    assert whole(Filed(theirs, 200_000)) == b"x" * 200_000
    os.close(theirs)


@given(st.binary(max_size=60))
def test_what_is_no_outcome_is_none(data: bytes) -> None:
    try:
        found = tasks.answered(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    assert isinstance(found.forward, bool)
