"""Entries of an audit log for somebody who has not the log: a court, an auditor, the other side.

An export is JSON: the entries in clear, the digests of all others, one signed checkpoint, what was seen in
the transfers that it is about, and a signature over all of it. Whoever has the public key can verify that
these entries stand in the log at these places, and that nothing stands between them but what has these
digests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import Any

from exfilter import __version__
from exfilter.audit import signing
from exfilter.audit.chain import GENESIS, Content, Fault, Link
from exfilter.audit.signing import Checkpoint, Signer
from exfilter.audit.verifying import UNKNOWN, Result, stranger

FORMAT = "exfilter-audit-export-1"


def made(
    links: Sequence[Link],
    checkpoint: Checkpoint,
    entries: Iterable[tuple[int, Content]],
    transfers: Sequence[Mapping[str, object]],
    signer: Signer,
) -> bytes:
    """Return an export as indented JSON: of a log with these links, up to the checkpoint."""
    told = {
        "format": FORMAT,
        "exfilter": __version__,
        "entries": [
            {"number": number, **asdict(content)}
            for number, content in entries
            if number <= checkpoint.number
        ],
        "transfers": list(transfers),
        "chain": [[link.number, link.content] for link in links if link.number <= checkpoint.number],
        "checkpoint": asdict(checkpoint),
    }
    told["signature"] = signer.sign(_signed(told))
    return _written(told)


def verify(export: bytes, trusted: AbstractSet[str]) -> Result:
    """Verify an export. Raises ValueError where it is none."""
    told, checkpoint, entries = _read(export)
    links, head = [], GENESIS
    for number, content in told["chain"]:
        links.append(Link.after(number, head, content))
        head = links[-1].hash
    return Result(len(entries), 1, checkpoint.number, _fault(told, checkpoint, entries, links, trusted))


def _fault(
    told: Mapping[str, Any],
    checkpoint: Checkpoint,
    entries: Mapping[int, Content],
    links: Sequence[Link],
    trusted: AbstractSet[str],
) -> Fault | None:
    digests = {link.number: link.content for link in links}
    for number, content in sorted(entries.items()):
        if digests.get(number) != content.digest():
            return Fault(number, "altered", "its text is not the one that was hashed")
    number, why = checkpoint.number, ""
    if checkpoint.signer not in trusted:
        return Fault(number, UNKNOWN, stranger(checkpoint.signer))
    if not signing.is_signed(checkpoint):
        why = "the signature of its checkpoint is wrong"
    elif not links or (links[-1].number, links[-1].hash) != (checkpoint.number, checkpoint.hash):
        why = "the chain does not lead to the signed checkpoint"
    elif not signing.verifies(checkpoint.signer, told["signature"], _signed(told)):
        why = "the signature of the export is wrong: something in it was changed"
    return Fault(number, "altered", why) if why else None


def _read(export: bytes) -> tuple[dict[str, Any], Checkpoint, dict[int, Content]]:
    try:
        told = json.loads(export)
        entries = {each["number"]: _content(each) for each in told["entries"]}
        # Byte for byte: a name that stands there twice, or a number written otherwise, would be read
        # otherwise by somebody else than it was signed.
        is_one = (
            told["format"] == FORMAT and len(entries) == len(told["entries"]) and _written(told) == export
        )
        if is_one and all(_is_digest(*each) for each in told["chain"]):
            return told, signing.read(json.dumps(told["checkpoint"])), entries
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        pass
    msg = "not as `exfilter audit export` writes it: give its file, unchanged"
    raise ValueError(msg)


def _written(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, indent=1, allow_nan=False).encode() + b"\n"


def _content(entry: Mapping[str, Any]) -> Content:
    return Content(**{name: value for name, value in entry.items() if name != "number"})


def _is_digest(number: object, content: str) -> bool:
    return isinstance(number, int) and len(bytes.fromhex(content)) == 32


def _signed(told: Mapping[str, Any]) -> bytes:
    rest = {name: value for name, value in told.items() if name != "signature"}
    return json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
