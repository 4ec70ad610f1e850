"""A client certificate is believed when the company's authority signed it for a client, and in its time."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from exfilter.who import certificates
from exfilter.who.certificates import Authorities
from tests.who.company import CLIENT, SERVER, Issued

if TYPE_CHECKING:
    from pathlib import Path

COMPANY = Issued.authority()
OURS = Authorities(COMPANY.chain)
NOW = dt.datetime.now(dt.UTC)
MAIL = x509.RFC822Name("anna@corp.example")
URI = x509.UniformResourceIdentifier("spiffe://corp.example/anna")
HOST = x509.DNSName("build7.corp.example")


def name_of(issued: Issued, now: dt.datetime = NOW) -> str:
    return OURS.name(issued.chain, now)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), "anna"),
        ((HOST, URI, MAIL), "anna@corp.example"),
        ((HOST, URI), "spiffe://corp.example/anna"),
        ((HOST,), "build7.corp.example"),
    ],
)
def test_mail_then_uri_then_host_then_common_name(names: tuple[x509.GeneralName, ...], expected: str) -> None:
    assert name_of(COMPANY.person("anna", *names)) == expected


def test_a_chain_with_an_authority_between_is_believed_when_it_is_shown_whole() -> None:
    anna = Issued.authority("Department", by=COMPANY).person("anna")
    assert name_of(anna) == "anna"
    assert OURS.name(anna.chain[:1], NOW) == ""


@pytest.mark.parametrize("may_sign", [True, None])
def test_an_authority_may_sign_unless_its_key_usage_says_otherwise(may_sign: bool | None) -> None:  # noqa: FBT001
    root = Issued.authority(may_sign=may_sign)
    anna = Issued.authority("Department", by=root, may_sign=may_sign).person("anna")
    assert Authorities(root.chain).name(anna.chain, NOW) == "anna"
    refused = Issued.authority("Department", by=root, may_sign=False).person("anna")
    assert Authorities(root.chain).name(refused.chain, NOW) == ""


@pytest.mark.parametrize(
    "unbelievable",
    [
        Issued.authority("Company").person("anna"),
        Issued.authority("anna"),
        COMPANY,
        COMPANY.person("anna", usage=(SERVER,)),
        COMPANY.person("anna", days=(-30, -1)),
        COMPANY.person("anna", days=(1, 30)),
        COMPANY.person("boris").person("anna"),
        COMPANY.person(""),
        COMPANY.person("an\nna"),
    ],
    ids=["other", "self-signed", "authority", "server", "expired", "early", "by a person", "nobody", "lines"],
)
def test_all_others_are_nobody(unbelievable: Issued) -> None:
    assert name_of(unbelievable) == ""


def test_no_certificate_is_nobody() -> None:
    assert OURS.name((), NOW) == ""


def test_a_certificate_for_clients_and_servers_or_without_a_purpose_is_believed() -> None:
    assert name_of(COMPANY.person("anna", usage=(CLIENT, SERVER))) == "anna"
    assert name_of(COMPANY.person("anna", usage=())) == "anna"


def test_it_ends_with_its_time() -> None:
    assert name_of(COMPANY.person("anna"), NOW + dt.timedelta(days=31)) == ""


@pytest.mark.parametrize(
    "text", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_authorities_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(text)
    with pytest.raises(ValueError, match="holds no certificates"):
        certificates.read(tmp_path / "ca.pem")
