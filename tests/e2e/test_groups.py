"""Groups of a real directory decide at a real proxy, also on the day on which the directory is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exfilter import settings
from tests.e2e.house import Proxy, http
from tests.groups import slapd
from tests.who.test_users import sha1

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.farend import FarEnd

POLICY = """
[groups]
support = []
contractors = []

[[rules]]
name = "support may"
group = ["support"]
action = "allow"

[[rules]]
name = "contractors may nothing"
group = ["contractors"]
customers = 1
action = "block"

[[rules]]
name = "many"
customers = 20
action = "quarantine"
"""
FEW = 5
"""Lines of the leak that stay below the rule for everybody."""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[slapd.Directory]:
    yield from slapd.running(tmp_path / "slapd")


@pytest.fixture
def asking(folder: Path, directory: slapd.Directory) -> Path:
    """Configure the folder to ask the directory; the password is a file."""
    (folder / "ldap.password").write_text(slapd.READER_PASSWORD)
    (folder / "ldap.password").chmod(0o600)
    (folder / settings.FILE).write_text(
        f'ldap_url = "{directory.url}"\nldap_bind_dn = "{slapd.READER}"\nldap_base = "{slapd.BASE}"\n'
        'ldap_password_file = "ldap.password"\n'
    )
    (folder / "policy.toml").write_text(POLICY)
    (folder / "users").write_text("".join(f"{user}:{sha1('x')}\n" for user in ("anna", "boris", "carla")))
    return folder


def test_who_is_in_a_group_is_judged_as_its_member(
    asking: Path, directory: slapd.Directory, far_end: FarEnd, leak: bytes
) -> None:
    few = b"\n".join(leak.splitlines()[:FEW])
    with Proxy(asking, ("--auth", str(asking / "users"))) as proxy:

        def send(user: str, body: bytes) -> int:
            return proxy.curl(http(far_end), "-U", f"{user}:x", data=body).status

        assert (send("anna", leak), send("boris", leak), send("boris", few)) == (200, 403, 200)
        directory.__exit__()
        assert (send("anna", leak), send("boris", few)) == (200, 200), "what it said last holds"
        assert send("carla", few) == 403, "of whom it said nothing, every rule that holds is kept"
        rules = [line["rule"] for line in proxy.decisions()]
        assert rules == [
            "support may",
            "many",
            "default",
            "support may",
            "default",
            "contractors may nothing",
        ]
        assert len([said for said in proxy.said if "groups: the directory cannot be asked" in said]) == 1
        everything = "\n".join(proxy.said) + (asking / "decisions.jsonl").read_text()
        assert slapd.READER_PASSWORD not in everything


def test_a_mistake_in_the_settings_does_not_open_the_door(asking: Path) -> None:
    (asking / "ldap.password").chmod(0o644)
    with pytest.raises(pytest.fail.Exception, match="chmod 600"), Proxy(asking):
        pass
