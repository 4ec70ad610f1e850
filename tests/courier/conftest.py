"""Certificates, and notices of invented transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.farend import certify
from tests.courier import receivers

if TYPE_CHECKING:
    from pathlib import Path

NOTICE = {
    "id": "n-abc",
    "version": 1,
    "type": "transfer",
    "time": "2026-11-22T12:00:00.500+00:00",
    "door": "proxy",
    "actor": "anna",
    "destination": "files.example",
    "method": "POST",
    "action": "quarantine",
    "rule": "many customers",
    "rules": ["many customers", "several customers"],
    "reason": "60 customers (60 identified, 0 estimated), 0 bytes unscanned: customers 60 (threshold 20)",
    "customers": 60,
    "identified": 60,
    "estimated": 0,
    "fields": {"email": 60},
    "unscanned": [{"reason": "opaque", "parts": 1, "bytes": 7}],
    "canaries": {},
    "bytes": 9000,
    "outcome": "held",
    "audit_only": False,
    "transfer_id": "T-1",
    "policy": "p" * 64,
    "index": "i",
    "exfilter": "0.1.0",
}


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Return a server's chain; its authority is ``ca.pem`` beside it."""
    return certify(tmp_path, tmp_path / "ca.pem")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the secrets of receivers."""
    for name, text in (("soc.key", receivers.SECRET), ("mail.password", "pass-phrase of mail\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path
