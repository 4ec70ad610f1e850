"""What a court is given proves itself, and any change of it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exfilter.audit import Content, Signer, exporting
from tests.audit.test_chain import chained

TOLD = [Content(float(number), "ann", "release", f"t-{number}", f"reason {number}") for number in range(6)]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path / "audit.key")


@pytest.fixture
def export(signer: Signer) -> bytes:
    links = chained(TOLD)
    point = signer.checkpoint(5, links[4].hash, 9.0)
    return exporting.made(links, point, [(2, TOLD[1]), (4, TOLD[3]), (6, TOLD[5])], [{"id": "t-1"}], signer)


def test_an_export_proves_itself_and_holds_no_entry_beyond_its_checkpoint(
    export: bytes, signer: Signer
) -> None:
    result = exporting.verify(export, {signer.public})
    assert result.fault is None
    assert (result.entries, result.signed) == (2, 5)
    assert b"reason 1" in export
    assert b"reason 2" not in export


def test_any_changed_value_shows(export: bytes, signer: Signer) -> None:
    def changed(told: object) -> list[object]:
        """Return copies in each of which one leaf is another."""
        copies: list[object] = []
        if isinstance(told, dict):
            for name, value in told.items():
                copies += [{**told, name: other} for other in changed(value)]
        elif isinstance(told, list):
            for at, value in enumerate(told):
                copies += [[*told[:at], other, *told[at + 1 :]] for other in changed(value)]
            copies += [told[:at] + told[at + 1 :] for at in range(len(told))]
        elif isinstance(told, str):
            copies.append(told[:-1] + ("0" if told[-1:] != "0" else "1"))
        elif isinstance(told, int | float):
            copies.append(told + 1)
        return copies

    copies = changed(json.loads(export))
    assert len(copies) > 40
    for copy in copies:
        try:
            result = exporting.verify(json.dumps(copy, indent=1).encode() + b"\n", {signer.public})
        except ValueError:
            continue
        assert result.fault is not None


def test_another_signer_is_not_believed_unless_named(export: bytes, tmp_path: Path) -> None:
    other = Signer(tmp_path / "other.key")
    found = exporting.verify(export, {other.public}).fault
    assert found
    assert "not known here" in found.why


@pytest.mark.parametrize(
    "wrong", [b"", b"{}", b"[]", b"null", b"\xff", b'{"format": "exfilter-audit-export-1"}']
)
def test_what_is_no_export_is_said_so(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="not as `exfilter audit export` writes it"):
        exporting.verify(wrong, set())


def test_what_others_would_read_otherwise_is_refused(export: bytes, signer: Signer) -> None:
    twice = export.replace(b'   "who": "ann"', b'   "who": "mallory",\n   "who": "ann"', 1)
    front = export.replace(b' "entries"', b' "entries": [],\n "entries"', 1)
    zeros = export.replace(b'"time": 9.0', b'"time": 9.00', 1)
    wide = export.decode().encode("utf-16")
    huge = export.replace(b'"number": 5', b'"number": 1e999', 1)
    for other in (twice, front, zeros, wide, huge):
        assert other != export
        with pytest.raises(ValueError, match="unchanged"):
            exporting.verify(other, {signer.public})
