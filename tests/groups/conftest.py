"""One directory for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exfilter import settings
from tests.groups import slapd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from exfilter.settings import Settings


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Directory]:
    yield from slapd.running(tmp_path_factory.mktemp("slapd"))


@pytest.fixture
def given(tmp_path: Path, directory: slapd.Directory) -> Callable[..., Settings]:
    """Return settings that ask the directory, with changes."""
    password = tmp_path / "ldap.password"
    password.write_text(slapd.READER_PASSWORD + "\n")
    password.chmod(0o600)
    base = {
        "ldap_url": directory.url,
        "ldap_bind_dn": slapd.READER,
        "ldap_password_file": password.name,
        "ldap_base": slapd.BASE,
    }

    def make(**changes: str) -> Settings:
        lines = [f"{name} = {value!r}" for name, value in (base | changes).items()]
        (tmp_path / settings.FILE).write_text("\n".join(lines) + "\n")
        return settings.load(tmp_path)

    return make
