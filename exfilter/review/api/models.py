"""What the API says and takes: its schema, which OpenAPI describes and a test holds it to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from exfilter.quarantine import Entry, State, What
from exfilter.review import why
from exfilter.review.cases import Case, CaseState, MemberKind


class Strict(BaseModel):
    """A model that takes what it names, and nothing else."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Problem(BaseModel):
    """Why it did not work."""

    detail: str


class TransferLine(BaseModel):
    """One held transfer in a list. Everything in it is masked."""

    id: str
    state: State
    time: str = Field(description="When it was sent, UTC, ISO 8601.")
    door: str
    actor: str
    destination: str
    method: str
    bytes: int
    customers: int
    identified: int
    estimated: int
    fields: dict[str, int] = Field(description="Customers by kind of identifier.")
    rule: str
    reason: str
    attempts: int
    expires: str | None = Field(description="When a release ends.")
    redeemed: str | None = Field(description="When the released retry passed.")
    refused: str | None = Field(description="Why the last retry of a released transfer did not pass.")


class TransferPage(BaseModel):
    """Some transfers, newest first."""

    transfers: list[TransferLine]
    next: str = Field(description="Give it as `after` for the next page; empty: this is the last one.")
    counts: dict[State, int] = Field(description="Of all that fit the filters but the state.")


class Step(BaseModel):
    """One step of a transfer's history."""

    time: str
    state: State
    reviewer: str = Field(description="Empty: the door.")
    reason: str


class Asking(BaseModel):
    """What one reviewer asked for where it takes two."""

    what: What
    time: str
    reviewer: str
    reason: str
    lasts: float
    ended: str | None = Field(description="null: it waits.")
    by: str


class Exhibit(BaseModel):
    """A masked value and where it stands."""

    part: str
    kind: str
    masked: str
    bearers: int


class Transfer(TransferLine):
    """One held transfer with its evidence and history."""

    why: list[str]
    versions: dict[str, str]
    policy: str = Field(description="Its digest.")
    index_id: str
    verdict: dict[str, Any] = Field(description="As decided: numbers and words.")
    exhibits: list[Exhibit]
    moves: list[Step]
    requests: list[Asking]


class Reasoned(Strict):
    """A decision."""

    reason: str = Field(min_length=3, max_length=1000)


class Release(Reasoned):
    """A release."""

    hours: float = Field(default=24.0, ge=0.01, le=8784)


class Decided(BaseModel):
    """What a transfer is now."""

    id: str
    state: State
    waits: bool = Field(description="Whether it waits for a second reviewer.")


class Opening(Reasoned):
    """What it takes to open a body."""

    passphrase: str = Field(default="", max_length=1024, repr=False)
    key: str = Field(
        default="", max_length=65_536, repr=False, description="Private key. Empty: that of the desk."
    )


class Elsewhere(BaseModel):
    """Somebody else who sent some of the same customers, or had them sent."""

    kind: str
    name: str
    customers: int
    possible: int
    first: int = Field(description="Day, 1 is 0001-01-01.")
    last: int


class SameCustomers(BaseModel):
    """The customers of a transfer in other hands."""

    customers: int
    possible: int
    others: list[Elsewhere]


class Window(BaseModel):
    """Distinct customers of the last days."""

    days: int
    sent: int
    new: int


class Actor(BaseModel):
    """All that an actor sent."""

    actor: str
    kind: str
    windows: list[Window]
    days: list[tuple[str, int]]
    unusual: list[str]


class Title(Strict):
    """A new case."""

    title: str = Field(min_length=1, max_length=200)


class NoteText(Strict):
    """A new note."""

    text: str = Field(min_length=1, max_length=20_000)


class NewMember(Strict):
    """What is to belong to a case."""

    kind: MemberKind
    name: str = Field(default="", max_length=200, description="Empty for a trace.")
    content: str = Field(default="", max_length=1_000_000, description="Of a trace: its JSON.")


class Change(Reasoned):
    """A case's new state."""

    state: CaseState


class CaseLine(BaseModel):
    """One case."""

    id: int
    title: str
    state: CaseState
    made: float
    by: str
    changed: float


class CaseMember(BaseModel):
    """What belongs to a case."""

    kind: MemberKind
    name: str
    time: float
    by: str


class CaseNote(BaseModel):
    """A note."""

    time: float
    by: str
    text: str


class WholeCase(CaseLine):
    """One case with what belongs to it."""

    members: list[CaseMember]
    notes: list[CaseNote]


class Day(BaseModel):
    """Figures of a day."""

    day: str
    held: int
    held_customers: int
    sent: int
    sent_customers: int


class Share(BaseModel):
    """Figures of an actor, a destination or a rule."""

    name: str
    transfers: int
    customers: int


class Unread(BaseModel):
    """What could not be read, by reason."""

    reason: str
    transfers: int
    parts: int
    bytes: int


class Figures(BaseModel):
    """What the dashboard shows."""

    made: str = Field(description="When they were made, UTC, ISO 8601.")
    counts: dict[State, int]
    days: list[Day]
    held_actors: list[Share]
    held_destinations: list[Share]
    held_rules: list[Share]
    senders: list[Share]
    receivers: list[Share]
    unread: list[Unread]
    unread_bytes: int


class Act(BaseModel):
    """Something that somebody did."""

    time: float
    who: str
    act: str
    subject: str
    reason: str


def line(entry: Entry) -> TransferLine:
    """Return an entry of a list."""
    return TransferLine.model_validate(_plain(entry, TransferLine))


def transfer(entry: Entry) -> Transfer:
    """Return an entry with everything."""
    more = {"why": why.sentences(entry), "versions": dict(why.versions(entry))}
    return Transfer.model_validate(_plain(entry, Transfer) | more)


def case(found: Case) -> WholeCase:
    """Return a case with everything but the content of its traces."""
    return WholeCase.model_validate(asdict(found))


def _plain(entry: Entry, model: type[BaseModel]) -> dict[str, Any]:
    return {name: each for name, each in asdict(entry).items() if name in model.model_fields}
