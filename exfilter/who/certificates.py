"""Client certificates to a proven name: the chain is verified here, mitmproxy takes any certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NAMED = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
"""What of a subject's alternative names is taken for a person or machine, best first."""


class Authorities:
    """Who may say who somebody is."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._store = verification.Store(list(certificates))

    def name(self, chain: Sequence[x509.Certificate], now: dt.datetime) -> str:
        """Return whose certificate stands first in the chain. Empty: nobody's that is to be believed.

        Checked: signatures up to an authority, validity times, constraints of the path, key usage and the
        extended key usage for clients (RFC 5280). Not checked: whether it was revoked.
        """
        if not chain:
            return ""
        policy = verification.PolicyBuilder().store(self._store).time(now)
        policy = policy.extension_policies(ca_policy=_authority(), ee_policy=_client())
        try:
            policy.build_client_verifier().verify(chain[0], list(chain[1:]))
            return next(_names(chain[0]), "")
        except (verification.VerificationError, ValueError, UnsupportedAlgorithm, x509.ExtensionNotFound):
            return ""


def read(file: Path) -> Authorities:
    """Read a PEM file of authorities. Raises ValueError where it holds none."""
    try:
        return Authorities(x509.load_pem_x509_certificates(file.read_bytes()))
    except ValueError:
        msg = f"{file} holds no certificates: give a file with the authorities' certificates in PEM"
        raise ValueError(msg) from None


def _authority() -> ExtensionPolicy:
    # Authorities that `openssl req -x509` made have no key usage; where there is one it has to fit
    # (RFC 5280, section 6.1.4, step n).
    policy = ExtensionPolicy.webpki_defaults_ca()
    return policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)


def _may_sign(_policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        msg = "its key is not for signing certificates"
        raise ValueError(msg)


def _client() -> ExtensionPolicy:
    # The web's policy wants a subject alternative name; people are often named by their common name alone.
    policy = ExtensionPolicy.webpki_defaults_ee()
    return policy.may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _names(certificate: x509.Certificate) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    for kind in _NAMED if names else ():
        yield from filter(_is_name, names.get_values_for_type(kind) if names else ())
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        text = attribute.value
        if isinstance(text, str) and _is_name(text):
            yield text


def _is_name(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()
