"""The result of ``exfilter trace --format json``, as somebody attached it to a case: read, never believed."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Ranked(BaseModel):
    """An actor whom a trace ranks."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    rank: int
    actor: str = Field(max_length=1000)
    victims: int
    customers: int
    posterior: float
    corrected: float


class Known(BaseModel):
    """Of the victims."""

    model_config = ConfigDict(extra="ignore")

    known: int
    sent: int
    never_sent: int


class TraceResult(BaseModel):
    """What of a trace is shown in a case."""

    model_config = ConfigDict(extra="ignore")

    verdict: str = Field(max_length=200)
    sentence: str = Field(max_length=4000)
    remarks: list[str] = Field(max_length=100)
    victims: Known
    actors: list[Ranked] = Field(max_length=1000)


def read(text: str) -> TraceResult:
    """Return a trace. Raises ValueError for anything else, without repeating it."""
    try:
        return TraceResult.model_validate_json(text)
    except ValidationError:
        msg = "this is no trace: attach what `exfilter trace … --format json` prints"
        raise ValueError(msg) from None


def name(text: str) -> str:
    """Return what a trace is called: the same one is attached once."""
    return f"trace {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
