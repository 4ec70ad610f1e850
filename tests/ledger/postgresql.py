"""The server of ``fixtures/postgresql.py``, without which a test fails: it would prove nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.postgresql import PASSWORD, USER, Server, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PASSWORD", "USER", "Server", "running"]


def running() -> Iterator[Server]:
    """Run one."""
    binaries = installed()
    if not binaries:
        pytest.fail("there is no PostgreSQL: run `apt-get install postgresql`")
    with Server(binaries) as server:
        yield server
