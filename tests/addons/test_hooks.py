"""Only addons that have something to do with an event are asked, and what happens is what mitmproxy does."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mitmproxy.addonmanager import AddonManager
from mitmproxy.exceptions import AddonHalt
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.test import taddons, tflow

from addons.private.hooks import _triggered, concerned

THEIRS = AddonManager.trigger_event
WAYS = (THEIRS, _triggered)


class Told:
    """Notes what it hears, and does what it is told."""

    def __init__(self, name: str, heard: list[str], error: type[Exception] | None = None) -> None:
        self.name, self._heard, self._error = name, heard, error

    def request(self, _flow: object) -> None:
        self._heard.append(self.name)
        if self._error is not None:
            raise self._error


class Later(Told):
    async def request(self, flow: object) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().request(flow)


class Deaf:
    """Has nothing to do with requests."""

    name = "deaf"

    def response(self, _flow: object) -> None:
        raise AssertionError


class Family:
    """Hears nothing itself, but has others inside."""

    name = "family"

    def __init__(self, *addons: object) -> None:
        self.addons = addons


def fired(way: Any, *addons: object) -> None:  # noqa: ANN401 - one of two functions
    async def fire() -> None:
        with taddons.context(*addons) as context:
            await way(context.master.addons, HttpRequestHook(tflow.tflow()))

    asyncio.run(fire())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("error", "wanted"), [(None, "abcd"), (ValueError, "abcd"), (MemoryError, "abcd"), (AddonHalt, "ab")]
)
def test_all_hear_of_it_in_their_order_unless_one_halts(
    way: Any,  # noqa: ANN401 - as above
    error: type[Exception] | None,
    wanted: str,
) -> None:
    heard: list[str] = []
    inside = Family(Told("c", heard), Deaf())
    fired(way, Later("a", heard), Told("b", heard, error), inside, Later("d", heard))
    assert "".join(heard) == wanted


def test_who_has_nothing_to_do_with_it_is_not_asked_until_he_is_exchanged() -> None:
    heard: list[str] = []
    first, last, deaf = Told("a", heard), Told("b", heard), Deaf()
    with taddons.context(first, deaf) as context:
        manager = context.master.addons
        assert concerned(manager, "request") == [first]
        manager.add(last)
        assert concerned(manager, "request") == [first, last]
        manager.remove(first)
        assert concerned(manager, "request") == [last]
        assert concerned(manager, "response") == [deaf]
