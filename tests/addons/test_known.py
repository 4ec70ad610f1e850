"""Another mitmproxy than the one that was read is refused before the door opens."""

from __future__ import annotations

import subprocess
import sys

import pytest

from addons.private.known import KNOWN, check, digest

STREAM = "mitmproxy.proxy.layers.http:HttpStream"


def test_the_installed_mitmproxy_is_known() -> None:
    check()
    assert all(KNOWN.values())


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (f"{STREAM}.state_consume_request_body", "has another .*state_consume_request_body"),
        (f"{STREAM}.no_such_state", "has no .*no_such_state"),
        ("mitmproxy.proxy.layers.http:NoSuchStream.state", "has no .*NoSuchStream"),
        ("mitmproxy.proxy.no_such_module:Stream", "has no .*no_such_module"),
    ],
)
def test_code_that_is_gone_or_another_is_refused_by_name(place: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"mitmproxy .* {why}.*requirements.lock"):
        check({place: "0123456789abcdef"})


def test_it_is_mitmproxys_own_code_that_is_checked_also_after_it_was_replaced() -> None:
    before = digest(STREAM)
    code = "from addons.private.stream import Streams; from addons.private.known import digest; "
    code += "Streams(1, lambda *_: None).load(None); "
    code += f"print(digest({STREAM!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == before
