"""Probes are answered whatever else arrives; a look at the disk is taken now and then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from exfilter.door.status import READY, STOPPING, Readiness, State, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def ask(address: tuple[str, int], sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def answers(*sent: bytes, state: Callable[[], Awaitable[State]] | None = None) -> list[bytes]:
    async def ready() -> State:
        return READY

    async def inside() -> list[bytes]:
        async with serving(("127.0.0.1", 0), state or ready, lambda: b"figures\n") as address:
            return [await ask(address, each) for each in sent]

    return asyncio.run(inside())


@pytest.mark.parametrize(
    ("sent", "first"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /healthz?x=1 HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"HTTP/1.1 405"),
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 405"),
        (b"\x16\x03\x01\x00\xff\n\r\n", b"HTTP/1.1 405"),
        (b"GET /healthz", b""),
        (b"x" * 100_000, b""),
        (b"", b""),
    ],
)
def test_whatever_arrives_the_next_probe_is_answered(sent: bytes, first: bytes) -> None:
    answer, after = answers(sent, b"GET /readyz HTTP/1.1\r\n\r\n")
    assert answer.startswith(first)
    assert bool(answer) is bool(first)
    assert after.startswith(b"HTTP/1.1 200")


def test_head_has_the_head_alone() -> None:
    head, whole = answers(b"HEAD /metrics HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n")
    assert whole == head + b"figures\n"


def test_why_it_is_not_ready_is_not_asked_again_at_once() -> None:
    asked: list[str] = []

    async def look() -> str:
        asked.append("quarantine")
        return "quarantine"

    readiness = Readiness(look, lambda: "")
    both = answers(*[b"GET /readyz HTTP/1.1\r\n\r\n"] * 2, state=readiness.state)
    assert [each.split(b"\r\n\r\n")[1] for each in both] == [b"quarantine\n"] * 2
    assert asked == ["quarantine"]
    readiness = Readiness(look, lambda: STOPPING)
    assert answers(b"GET /readyz HTTP/1.1\r\n\r\n", state=readiness.state)[0].startswith(b"HTTP/1.1 503")
