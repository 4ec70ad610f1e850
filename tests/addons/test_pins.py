"""No option of mitmproxy leads around the scan, neither at the start nor later."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options
from mitmproxy.test import taddons
from mitmproxy.tools.dump import DumpMaster

from addons.pins import HARMLESS, REASONS, Pins, refuse

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("stream_large_bodies", "has left before its verdict"),
        ("ignore_hosts", "without being read"),
        ("allow_hosts", "without being read"),
        ("tcp_hosts", "without being read"),
        ("rawtcp", "without being read"),
        ("scripts", "let everything pass"),
        ("modify_body", "changes what was scanned"),
        ("map_remote", "another destination"),
        ("save_stream_file", "in clear"),
        ("hardump", "in clear"),
        ("ssl_insecure", "--upstream-ca"),
        ("mode", "regular proxy"),
        ("connection_strategy", "before the verdict"),
        ("validate_inbound_headers", "led around"),
        ("client_replay", "recorded requests"),
        ("proxyauth", "--auth"),
        ("no_such_option", "not among those"),
    ],
)
def test_an_option_that_leads_around_the_scan_is_refused_with_the_reason(option: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"{option}.*{why}"):
        refuse(option)


def test_harmless_options_are_taken() -> None:
    for option in HARMLESS:
        refuse(option)


def test_the_lists_name_options_that_mitmproxy_has() -> None:
    async def options() -> set[str]:
        made = Options()
        DumpMaster(made, with_termlog=False, with_dumper=False)
        return set(made.keys())

    known = asyncio.run(options())
    assert known >= HARMLESS
    assert known >= REASONS.keys()
    assert not HARMLESS & REASONS.keys()


def pinned(change: Callable[[Options], None]) -> bool:
    """Whether a change is rolled back while the door is open."""

    async def inside() -> bool:
        pins = Pins()
        with taddons.context(pins) as context:
            pins.running()
            try:
                change(context.options)
            except OptionsError:
                return True
            return False

    return asyncio.run(inside())


def test_a_door_that_is_open_stays_as_it_is() -> None:
    assert pinned(lambda options: options.update(ignore_hosts=[".*"]))
    assert pinned(lambda options: options.update(rawtcp=False))
    assert not pinned(lambda options: options.update(tcp_timeout=5))
