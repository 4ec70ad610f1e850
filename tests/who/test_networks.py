"""An IPv6 client has more addresses than anybody can count, and is one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.who.networks import Networks, network


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::5", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::1", "::1"),
        ("10.0.0.7", "10.0.0.7"),
        ("anna", "anna"),
        ("", ""),
    ],
)
def test_an_address_is_its_network(address: str, name: str) -> None:
    assert network(address) == name


@given(st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_no_choice_of_the_last_64_bits_makes_another_one(high: int, first: int, second: int) -> None:
    one, other = (str(ipaddress.IPv6Address((high << 64) + low)) for low in (first, second))
    assert network(one) == network(other)


@pytest.mark.parametrize(
    ("peer", "is_one"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("192.0.2.9", True),
        ("2001:db8::1", True),
        ("2001:db8::2", False),
        ("127.0.0.1", False),
        ("10.1.2.3 ", False),
        ("proxy.example", False),
        ("", False),
    ],
)
def test_a_peer_is_trusted_by_its_address(peer: str, *, is_one: bool) -> None:
    assert (peer in Networks.parse(["10.1.0.0/16", "::ffff:192.0.2.0/120", " 2001:db8::1 "])) is is_one
    assert peer not in Networks()


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "10.0.0.1/8", "proxy", "", "10.0.0.0/33"]
)
def test_nobody_trusts_everybody_or_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="give such as"):
        Networks.parse(["10.0.0.1", text])
