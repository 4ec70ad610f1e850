"""Groups out of a real directory; whatever goes wrong there is a failure, never "no groups"."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from ldap3.core import tls

from exfilter.groups import directory as room
from exfilter.groups.directory import Address, Directory
from tests.groups import slapd

if TYPE_CHECKING:
    from collections.abc import Callable

    from exfilter.settings import Settings

    Given = Callable[..., Settings]

POSIX = {"ldap_filter": "(&(objectClass=posixGroup)(memberUid={actor}))", "ldap_group_attribute": "cn"}


def test_groups_that_a_person_is_a_member_of(given: Given) -> None:
    asked = Directory(given())
    assert asked.groups("anna") == {"support", "sales, räte", "all"}
    assert asked.groups("boris") == frozenset()
    assert asked.groups("nobody") == frozenset()


def test_groups_that_name_a_person(given: Given) -> None:
    asked = Directory(given(**POSIX))
    assert asked.groups("anna") == asked.groups("boris") == {"unix"}
    assert asked.groups("carla") == frozenset()


@pytest.mark.parametrize(
    "actor", ["*", "a*", "anna)(uid=*", "anna)(|(uid=*", "\\61nna", "anna\0", "anna ", "(", ")"]
)
def test_no_name_changes_the_question(given: Given, actor: str) -> None:
    assert Directory(given()).groups(actor) == frozenset()
    assert Directory(given(**POSIX)).groups(actor) == frozenset()


def test_two_people_of_one_name_are_a_failure(given: Given) -> None:
    with pytest.raises(LookupError, match="several people"):
        Directory(given()).groups("twin")


def test_a_change_in_the_directory_is_seen(given: Given, directory: slapd.Directory) -> None:
    boris = f"uid=boris,{slapd.PEOPLE}"
    directory.change(f"cn=all,{slapd.GROUPS}", member=[("MODIFY_ADD", [boris])])
    assert Directory(given()).groups("boris") == {"all"}
    directory.change(f"cn=all,{slapd.GROUPS}", member=[("MODIFY_DELETE", [boris])])
    assert Directory(given()).groups("boris") == frozenset()


def test_over_tls_with_the_companys_authority(
    given: Given, directory: slapd.Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = {"ldap_ca": str(directory.ca)}
    by_tls = given(ldap_url=f"ldaps://localhost:{directory.tls_port}", **trust)
    assert "support" in Directory(by_tls).groups("anna")
    monkeypatch.setattr(Address, "is_here", False)
    start_tls = given(ldap_url=f"ldap://localhost:{directory.port}", **trust)
    assert "support" in Directory(start_tls).groups("anna")


def test_a_directory_that_is_not_to_be_trusted_is_not_asked(
    given: Given, directory: slapd.Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = given(ldap_url=f"ldaps://localhost:{directory.tls_port}")
    # The same machine by a name that its certificate does not have.
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest: resolve("127.0.0.1", *rest))
    other_name = given(ldap_url=f"ldaps://directory.example:{directory.tls_port}", ldap_ca=str(directory.ca))
    no_tls = given(ldap_url=f"ldap://localhost:{directory.port}")
    monkeypatch.setattr(Address, "is_here", False)
    for wrong in (unknown, other_name, no_tls):
        with pytest.raises(ConnectionError):
            Directory(wrong).groups("anna")
    monkeypatch.setattr(tls, "check_hostname", lambda *_: None)
    assert "support" in Directory(other_name).groups("anna"), "it was the name that was wrong"


@pytest.mark.parametrize(
    "changes",
    [
        {"ldap_bind_dn": f"cn=nobody,{slapd.BASE}"},
        {"ldap_bind_dn": ""},
        {"ldap_base": "dc=elsewhere"},
        {"ldap_url": "ldap://127.0.0.1:1"},
    ],
    ids=["bind", "anonymous", "base", "port"],
)
def test_what_cannot_be_asked_is_a_failure_that_quotes_nothing(given: Given, changes: dict[str, str]) -> None:
    with pytest.raises(ConnectionError) as failure:
        Directory(given(**changes)).groups("anna")
    assert str(failure.value).isidentifier()
    assert failure.value.__cause__ is None


def test_a_directory_that_does_not_answer_is_not_waited_for(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = Directory(given(ldap_url=f"ldap://127.0.0.1:{silent.getsockname()[1]}"))
        begin = time.monotonic()
        with pytest.raises(ConnectionError):
            asked.groups("anna")
    assert time.monotonic() - begin < 5


def test_the_password_comes_from_the_environment_too(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(room.ENVIRONMENT, slapd.READER_PASSWORD)
    assert "support" in Directory(given(ldap_password_file="")).groups("anna")


def test_the_password_is_shown_nowhere(given: Given) -> None:
    asked, found = Directory(given()), given()
    assert slapd.READER_PASSWORD not in repr(asked) + repr(vars(asked)) + repr(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ldap_password_file": ""}, "ldap_password_file"),
        ({"ldap_filter": "(uid=anna)"}, "ldap_filter"),
        ({"ldap_filter": "uid={actor}"}, "ldap_filter"),
        ({"ldap_url": "http://ldap"}, "ldap_url"),
        ({"ldap_url": "ldap://user:secret@ldap"}, "ldap_url"),
        ({"ldap_url": "ldap://ldap:port"}, "ldap_url"),
        ({"ldap_url": "ldaps://"}, "ldap_url"),
        ({"ldap_url": "ldaps://192.0.2.1"}, "name of the host"),
        ({"ldap_url": "ldap://192.0.2.1"}, "name of the host"),
    ],
)
def test_a_mistake_in_the_settings_is_named(given: Given, changes: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        Directory(given(**changes))
    assert "secret" not in str(refused.value)


def test_a_password_file_that_is_not_there_is_named(given: Given) -> None:
    with pytest.raises(FileNotFoundError, match=r"ldap_password_file .* does not exist: make it"):
        Directory(given(ldap_password_file="nowhere"))


def test_a_password_that_others_can_read_is_refused(given: Given) -> None:
    found = given()
    found.ldap_password_file.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        Directory(found)
