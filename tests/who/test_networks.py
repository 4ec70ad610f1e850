"""An IPv6 client has more addresses than anybody can count, and is one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.who.networks import network


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
