"""Whatever breaks while somebody proves who they are, nothing leaves. In a mitmproxy without sockets."""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from mitmproxy.http import Headers
from mitmproxy.proxy.layers.http._hooks import HttpConnectHook, HttpRequestHeadersHook, HttpRequestHook
from mitmproxy.proxy.layers.modes import Socks5AuthData, Socks5AuthHook
from mitmproxy.test import taddons, tflow, tutils

from addons.identity import Identity
from exfilter import flows
from exfilter.who.signin import SignIn
from tests.addons.fakes import Door
from tests.e2e.raw import basic
from tests.who.test_users import bcrypted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mitmproxy.http import HTTPFlow

    from exfilter.who.certificates import Authorities

USERS = {"anna": bcrypted("a:b")}


class BrokenError(Exception):
    """Something nobody thought of."""


def _broken() -> Mapping[str, str]:
    raise BrokenError


def _broken_authorities() -> Authorities:
    raise BrokenError


def by_password() -> Identity:
    return Identity(SignIn(lambda: USERS))


def flow(credentials: str = "", method: bytes = b"GET") -> HTTPFlow:
    made = tflow.tflow(req=tutils.treq(method=method))
    if credentials:
        made.request.headers["proxy-authorization"] = credentials
    return made


def send(identity: Identity, *flows_sent: HTTPFlow) -> Door:
    """Fire the hooks of each flow in the way of a running proxy, where exceptions are swallowed."""
    door = Door()

    async def inside() -> None:
        with taddons.context(identity, door.guard, door.gate) as context:
            for each in flows_sent:
                connect = each.request.method == "CONNECT"
                hooks = (HttpConnectHook,) if connect else (HttpRequestHeadersHook, HttpRequestHook)
                for hook in hooks:
                    await context.master.addons.handle_lifecycle(hook(each))

    asyncio.run(inside())
    return door


def test_a_proven_user_is_the_actor_and_no_password_stays_on_the_flow() -> None:
    sent = flow(basic("anna", "a:b"))
    door = send(by_password(), sent)
    assert sent.response is None
    assert door.scanner.seen[0].actor == "anna"
    assert "a:b" not in repr(sent.get_state())
    assert basic("anna", "a:b") not in repr(sent.get_state())


@pytest.mark.parametrize("credentials", ["", basic("anna", "wrong"), "Basic x"])
@pytest.mark.parametrize("method", [b"GET", b"CONNECT"])
def test_who_proves_nothing_is_answered_and_not_scanned(credentials: str, method: bytes) -> None:
    sent = flow(credentials, method)
    door = send(by_password(), sent)
    assert sent.response is not None
    assert sent.response.status_code == 407
    assert not door.scanner.seen
    assert "proxy-authorization" not in sent.request.headers


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        (Identity(SignIn(lambda: USERS), contact="room 7"), 407),
        (Identity(None, _broken_authorities, contact="room 7"), 403),
    ],
)
def test_who_is_not_served_learns_whom_to_ask(identity: Identity, status: int) -> None:
    sent = flow()
    send(identity, sent)
    assert sent.response is not None
    assert sent.response.status_code == status
    assert "Whom to ask: room 7" in (sent.response.get_text() or "")


def test_a_tunnel_vouches_for_its_own_connection_only() -> None:
    tunnel, inside, outside = flow(basic("anna", "a:b"), b"CONNECT"), flow(), flow()
    inside.client_conn = tunnel.client_conn
    door = send(by_password(), tunnel, inside, outside)
    assert (tunnel.response, inside.response) == (None, None)
    assert outside.response is not None
    assert [transfer.actor for transfer in door.scanner.seen] == ["anna", "anna"]


def test_a_plain_request_vouches_for_itself_only() -> None:
    first, second = flow(basic("anna", "a:b")), flow()
    second.client_conn = first.client_conn
    send(by_password(), first, second)
    assert first.response is None
    assert second.response is not None


def test_credentials_in_trailers_stay_here_too() -> None:
    sent = flow(basic("anna", "a:b"))
    sent.request.trailers = Headers(((b"Proxy-Authorization", b"Basic YTpi"), (b"x-sum", b"1")))
    send(by_password(), sent)
    assert sent.response is None
    assert sent.request.trailers.fields == ((b"x-sum", b"1"),)


@pytest.mark.parametrize("method", [b"GET", b"CONNECT"])
def test_a_check_that_raises_lets_nothing_pass(method: bytes) -> None:
    sent = flow(basic("anna", "a:b"), method)
    door = send(Identity(SignIn(_broken)), sent)
    assert sent.response is not None
    assert sent.response.status_code == 407
    assert not door.scanner.seen


def test_a_socks_check_that_raises_or_has_no_users_is_refused() -> None:
    for identity in (Identity(SignIn(_broken)), Identity(None, _broken_authorities), by_password()):
        data = Socks5AuthData(tflow.tclient_conn(), "anna", "wrong")

        async def inside(identity: Identity = identity, data: Socks5AuthData = data) -> None:
            with taddons.context(identity) as context:
                assert context.options.proxyauth is True, "mitmproxy asks for a password then"
                await context.master.addons.handle_lifecycle(Socks5AuthHook(data))

        asyncio.run(inside())
        assert not data.valid


def test_where_nobody_is_asked_the_address_is_the_actor() -> None:
    sent = flow(basic("anna", "a:b"))
    door = send(Identity(), sent)
    assert sent.response is None
    assert door.scanner.seen[0].actor == "127.0.0.1"
    assert "proxy-authorization" not in sent.request.headers


def test_what_is_hardest_to_borrow_names_the_actor() -> None:
    caller = flows.Caller("certificate", "proxy user", "socks user", "address")
    assert caller.name == "certificate"
    assert flows.Caller("", "proxy user", "socks user", "address").name == "proxy user"
    assert flows.Caller("", "", "socks user", "address").name == "socks user"
    assert flows.Caller(address="address").name == "address"
