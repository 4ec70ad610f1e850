"""A proxy that was set up wrongly is named once, and by its address alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from exfilter.icap.setup import MOST, Setup
from exfilter.who.networks import Networks
from tests.addons.fakes import Door
from tests.icap.asking import Client, post, reqmod, talk
from tests.icap.test_service import CLEAN, NOWHERE, respmod

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = "X-Client-Username: anna\r\n"


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "exfilter.door"):
        yield caplog


def test_users_named_by_a_stranger_are_said_to_be_left_out_once(told: pytest.LogCaptureFixture) -> None:
    async def twice(client: Client) -> None:
        for _ in range(2):
            await client.ask(reqmod(post(), CLEAN, fields=NAMED))

    talk(Door(), twice, trusted=NOWHERE)
    assert [each.getMessage().split(":")[0] for each in told.records] == [
        "127.0.0.1 names users, and is not in --trust"
    ]
    assert "anna" not in told.text


def test_who_is_trusted_or_names_nobody_is_not_named(told: pytest.LogCaptureFixture) -> None:
    async def once(client: Client) -> None:
        await client.ask(reqmod(post(), CLEAN, fields=NAMED))

    async def nobody(client: Client) -> None:
        await client.ask(reqmod(post(), CLEAN))

    talk(Door(), once)
    talk(Door(), nobody, trusted=NOWHERE)
    assert not told.records


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (respmod(CLEAN, "Allow: 204\r\n"), "have it ask about requests, at /reqmod"),
        (b"OPTIONS icap://here/avscan ICAP/1.0\r\nHost: here\r\n\r\n", "have it ask at /reqmod"),
        (reqmod(post(), CLEAN, fields=NAMED + "X-Client-Username: berta\r\n"), "see --users"),
    ],
)
def test_every_other_mistake_names_the_next_step(
    told: pytest.LogCaptureFixture, data: bytes, said: str
) -> None:
    async def once(client: Client) -> None:
        await client.ask(data)

    talk(Door(), once)
    assert [said in each.getMessage() for each in told.records] == [True]


def test_there_are_no_more_lines_than_somebody_reads(told: pytest.LogCaptureFixture) -> None:
    setup = Setup(Networks())
    for number in range(2 * MOST):
        setup.returns(f"192.0.2.{number}")
    assert len(told.records) == MOST
