"""Answers on ranges as bytes, for as long as not all ranges of a file are read; and all of them as one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import reduce
from typing import Any

import msgspec
import numpy as np

from exfilter.bulk.tasks import Answer, Task
from exfilter.model import Exhibit, Findings, Judgement, Ordinals, Reason, Unscanned

EXHIBITS = 100
"""Places of one file that are shown."""


class _Packed(msgspec.Struct, array_like=True):
    """Customers as bytes of 64-bit ordinals, the rest as JSON, which also takes names that are no Unicode."""

    rest: str
    identified: bytes | None = None
    """None: nothing was read."""
    estimated: bytes = b""
    exposed: dict[str, bytes] = {}
    digest: bytes = b""


class _Rest(msgspec.Struct):
    seconds: float
    problem: str = ""
    reason: Reason = Reason.MALFORMED
    passing: bool = False
    estimated: int = 0
    bytes: int = 0
    fields: dict[str, int] = {}
    terms: dict[str, int] = {}
    canaries: dict[str, int] = {}
    unscanned: tuple[Unscanned, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    judgements: tuple[Judgement, ...] = ()


def pack(answer: Answer) -> bytes:
    """Return an answer as bytes; ``unpack`` gives it back, without what ``--explain`` shows of customers."""
    found = answer.findings
    rest: dict[str, Any] = {"seconds": answer.seconds, "problem": answer.problem, "reason": answer.reason}
    if found is None:
        rest["passing"] = answer.passing
        return msgspec.msgpack.encode(_Packed(json.dumps(rest)))
    rest |= {
        "estimated": found.estimated,
        "bytes": found.bytes,
        "fields": dict(found.fields),
        "terms": dict(found.terms),
        "canaries": dict(found.canaries),
        "unscanned": [asdict(each) for each in found.unscanned],
        "exhibits": [asdict(each) for each in found.exhibits],
        "judgements": [asdict(each) for each in found.judgements],
    }
    exposed = {name: _bytes(who) for name, who in found.exposed.items()}
    packed = _Packed(
        json.dumps(rest), _bytes(found.identified), _bytes(found.estimated_ordinals), exposed, answer.digest
    )
    return msgspec.msgpack.encode(packed)


def unpack(data: bytes) -> Answer:
    """Return the answer that ``pack`` was given."""
    packed = msgspec.msgpack.decode(data, type=_Packed)
    rest = msgspec.convert(json.loads(packed.rest), _Rest)
    if packed.identified is None:
        return Answer(None, rest.problem, rest.reason, seconds=rest.seconds, passing=rest.passing)
    found = Findings(
        identified=_ordinals(packed.identified),
        estimated=rest.estimated,
        estimated_ordinals=_ordinals(packed.estimated),
        fields=rest.fields,
        terms=rest.terms,
        unscanned=rest.unscanned,
        bytes=rest.bytes,
        exhibits=rest.exhibits,
        judgements=rest.judgements,
        canaries=rest.canaries,
        exposed={name: _ordinals(who) for name, who in packed.exposed.items()},
    )
    return Answer(found, digest=packed.digest, seconds=rest.seconds)


def _bytes(who: Ordinals) -> bytes:
    return np.ascontiguousarray(who, dtype="<i8").tobytes()


def _ordinals(data: bytes) -> Ordinals:
    return np.frombuffer(data, dtype="<i8").astype(np.int64)


def united(parts: Sequence[tuple[Task, Answer]]) -> Answer:
    """Return one answer for a file that was read in ranges: every customer once. ``parts``: all, in order.

    Estimates are added, as nobody knows who is behind two of them, but never to more than those who may be.
    """
    read = [_findings(task, answer) for task, answer in parts]
    identified = _union(found.identified for found in read)
    behind = np.setdiff1d(_union(found.estimated_ordinals for found in read), identified)
    exposed = _exposed([found.exposed for found in read])
    found = Findings(
        identified=identified,
        estimated=min(sum(found.estimated for found in read), len(behind)),
        estimated_ordinals=behind,
        fields={name: len(who) for name, who in exposed.items()},
        terms=dict(sum((Counter(found.terms) for found in read), Counter())),
        unscanned=tuple(each for found in read for each in found.unscanned),
        bytes=parts[0][0].item.size,
        exhibits=tuple(each for found in read for each in found.exhibits)[:EXHIBITS],
        exposed=exposed,
    )
    digests = [answer.digest for _, answer in parts]
    digest = hashlib.blake2b(b"".join(digests)).digest() if all(digests) else b""
    return Answer(found, digest=digest, seconds=sum(answer.seconds for _, answer in parts))


def _findings(task: Task, answer: Answer) -> Findings:
    """Return what a range holds, with the file's path where the range is named."""
    where = f"bytes {task.start}-{task.end - 1}"
    if answer.findings is None:
        nobody = np.zeros(0, dtype=np.int64)
        unread = (Unscanned(f"{where}: {answer.problem}", answer.reason, task.weight),)
        return Findings(nobody, 0, nobody, {}, {}, unread, 0)
    marked = (replace(each, part=f"{where} > {each.part}") for each in answer.findings.unscanned)
    return replace(answer.findings, unscanned=tuple(marked))


def _union(some: Iterable[Ordinals]) -> Ordinals:
    return reduce(np.union1d, some, np.zeros(0, dtype=np.int64))


def _exposed(some: Sequence[Mapping[str, Ordinals]]) -> dict[str, Ordinals]:
    names = sorted({name for each in some for name in each})
    return {name: _union(each[name] for each in some if name in each) for name in names}
