"""Parsers that crash, hang or blow up, in the processes that are made for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exfilter.content.sandbox import host, table
from exfilter.content.sandbox.found import Found, Left, Member, Text, Wishes
from exfilter.content.sandbox.host import Sandbox
from exfilter.model import Reason

PARSERS = """
import ctypes, os, socket, time
import numpy as np
from exfilter.content.sandbox.found import Left, Member, Text
from exfilter.model import Reason

def fine(file, wishes):
    data = file.read()
    yield Text(data.decode(), "words", np.array([0, 3]))
    yield Member("inner", iter([data, data]))
    yield Left(Reason.ENCRYPTED, 7, "locked")

def fails(file, wishes):
    yield Text("before")
    raise RuntimeError("secret")

def member_fails(file, wishes):
    def chunks():
        yield b"half"
        raise ValueError
    yield Member("broken", chunks())
    yield Text("after")

def dies(file, wishes):
    yield Text("before")
    ctypes.string_at(0)

def dies_in_member(file, wishes):
    def chunks():
        yield b"half"
        os.abort()
    yield Member("broken", chunks())

def hangs(file, wishes):
    while True:
        pass

def grows(file, wishes):
    held = []
    while True:
        held.append(bytearray(1 << 20))
    yield

def lies(file, wishes):
    import gc
    for each in gc.get_objects():
        if isinstance(each, socket.socket):
            each.sendall(b"\\xff\\xff\\xff\\xff" + b"x" * 100)
    yield Text("after")

def writes(file, wishes):
    with open("/tmp/written-by-a-parser", "wb") as out:
        out.write(b"x")
    yield Text("written")

def keys(file, wishes):
    yield Text("\\n".join(sorted(os.environ)))

def long(file, wishes):
    text = "abcde\\n" * 500_000
    yield Text(text, "", np.arange(0, len(text), 6))
    yield Text("\\ud800x")
"""


@pytest.fixture
def parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Found]]]:
    (tmp_path / "hostile_parsers.py").write_text(PARSERS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("EXFILTER_INDEX_KEY", "1" * 64)
    host.restart()

    def run(name: str, body: bytes = b"abcdef", overdue: Callable[[], bool] = lambda: False) -> list[Found]:
        monkeypatch.setitem(table.PARSERS, name, f"hostile_parsers:{name}")
        file = os.memfd_create("body")
        os.write(file, body)
        sandbox = Sandbox(overdue)
        try:
            found = sandbox.parse(name, file, Wishes())
            return [
                Member(each.name, (b"".join(each.chunks),)) if isinstance(each, Member) else each
                for each in found
            ]
        finally:
            sandbox.close()
            os.close(file)

    yield run
    host.restart()


def test_all_that_is_found_arrives(parse: Callable[..., list[Found]]) -> None:
    text, member, left = parse("fine")
    assert isinstance(text, Text)
    assert text.text == "abcdef"
    assert text.channel == "words"
    assert text.records is not None
    assert text.records.tolist() == [0, 3]
    assert member == Member("inner", (b"abcdefabcdef",))
    assert left == Left(Reason.ENCRYPTED, 7, "locked")


@pytest.mark.parametrize("name", ["fails", "dies"])
def test_a_failure_leaves_what_was_found_before_and_is_reported(
    parse: Callable[..., list[Found]], name: str
) -> None:
    assert parse(name) == [Text("before"), Left(Reason.MALFORMED, 6)]


def test_a_member_that_fails_does_not_end_the_others(parse: Callable[..., list[Found]]) -> None:
    assert parse("member_fails") == [
        Member("broken", (b"half",)),
        Left(Reason.MALFORMED, 1, "broken"),
        Text("after"),
    ]


def test_a_crash_inside_a_member_is_reported(parse: Callable[..., list[Found]]) -> None:
    assert parse("dies_in_member") == [Member("broken", (b"half",)), Left(Reason.MALFORMED, 6)]


def test_memory_has_an_end(parse: Callable[..., list[Found]]) -> None:
    assert parse("grows") == [Left(Reason.OVER_BUDGET, 6)]


def test_a_hang_ends_with_the_deadline_and_its_process_with_it(parse: Callable[..., list[Found]]) -> None:
    end = time.monotonic() + 0.3
    assert parse("hangs", overdue=lambda: time.monotonic() > end) == []
    assert parse("fine")[1:2] == [Member("inner", (b"abcdefabcdef",))]


def test_a_hang_without_a_deadline_ends_by_the_time_of_the_processor(
    parse: Callable[..., list[Found]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.BOUNDS, "hangs", short := table.Bounds(table.USUAL.memory, 1))
    monkeypatch.setitem(host._ZYGOTES, short, host._Zygote(short))
    monkeypatch.setitem(host._PLACES, "hostile_parsers:hangs", short)
    assert parse("hangs") == [Left(Reason.MALFORMED, 6)]
    host._ZYGOTES[short].close()


def test_a_child_that_was_taken_over_cannot_say_what_it_likes(parse: Callable[..., list[Found]]) -> None:
    assert parse("lies") == [Left(Reason.MALFORMED, 6)]


def test_a_parser_writes_no_file(parse: Callable[..., list[Found]]) -> None:
    assert parse("writes") == [Left(Reason.MALFORMED, 6)]
    Path("/tmp/written-by-a-parser").unlink(missing_ok=True)


def test_a_parser_does_not_see_the_keys_of_the_environment(parse: Callable[..., list[Found]]) -> None:
    (text,) = parse("keys")
    assert isinstance(text, Text)
    assert "EXFILTER" not in text.text


def test_a_parser_whose_library_is_missing_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.PARSERS, "fine", "nowhere:parse")
    file = os.memfd_create("body")
    os.write(file, b"abc")
    assert list(Sandbox(lambda: False).parse("fine", file, Wishes())) == [Left(Reason.OPAQUE, 3)]
    os.close(file)


def test_long_texts_come_in_pieces_with_their_records(parse: Callable[..., list[Found]]) -> None:
    found = [each for each in parse("long") if isinstance(each, Text)]
    text = "".join(each.text for each in found)
    assert text == "abcde\n" * 500_000 + "\ufffdx"
    assert all(
        each.records is None or all(each.text[at : at + 1] == "a" for at in each.records.tolist())
        for each in found
    )
    assert sum(len(each.records) for each in found if each.records is not None) == 500_000


def test_a_failure_is_forgotten_where_the_parser_in_its_place_does_not_fail(
    parse: Callable[..., list[Found]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.PARSERS, "fine", "hostile_parsers:fine")
    monkeypatch.setitem(table.INSTEAD, "dies", "fine")
    first, text, *_ = parse("dies")
    assert first == Text("before")
    assert isinstance(text, Text)
    assert text.text == "abcdef"
    assert Left(Reason.MALFORMED, 6) not in parse("dies")


def test_two_failures_one_after_the_other_are_reported(
    parse: Callable[..., list[Found]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.PARSERS, "fails", "hostile_parsers:fails")
    monkeypatch.setitem(table.INSTEAD, "dies", "fails")
    assert parse("dies") == [Text("before"), Text("before"), *[Left(Reason.MALFORMED, 6)] * 2]


def test_parsers_that_read_together_report_the_same_bytes_once(
    parse: Callable[..., list[Found]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.PARSERS, "fails", "hostile_parsers:fails")
    monkeypatch.setitem(table.PARSERS, "dies", "hostile_parsers:dies")
    monkeypatch.setitem(table.TOGETHER, "both", ("fails", "dies"))
    assert parse("both") == [Text("before"), Text("before"), Left(Reason.MALFORMED, 6)]
