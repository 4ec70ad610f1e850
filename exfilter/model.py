"""Frozen values that pass between the stages. Nothing here does any work.

The words are those of the field and of this project: transfer, part, unscanned, candidate,
hit, customer, evidence, findings, verdict.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NewType, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Evaluated only where somebody asks: a door's process does without numpy.
type Int64Array = NDArray[np.int64]
type Uint64Array = NDArray[np.uint64]

Masked = NewType("Masked", str)
"""Text that shows the shape of a value and never the value. Only ``mask.mask`` makes one."""

type Ordinals = NDArray[np.int64]
"""Customers by their stable number in the index, sorted, each once."""


class Kind(enum.IntEnum):
    """What an identifier is. The number is written into tags and index files: never reuse one."""

    EMAIL = 0
    PHONE = 1
    TICKET = 2
    NAME = 3


class Reason(enum.StrEnum):
    """Why a part could not be read."""

    ENCRYPTED = "encrypted"
    OVER_BUDGET = "over-budget"
    DEADLINE = "deadline"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    """A known kind that holds no text: a picture, sound, film, type."""
    OPAQUE = "opaque"
    """Archives, documents, and bytes of no known kind: they may hold anything."""


class Action(enum.IntEnum):
    """What a verdict does with a transfer, in rising severity."""

    ALLOW = 0
    ALERT = 1
    QUARANTINE = 2
    BLOCK = 3

    @property
    def holds(self) -> bool:
        """Whether the transfer is kept from its destination."""
        return self >= Action.QUARANTINE


Headers = tuple[tuple[str, str], ...]


class Body(Protocol):
    """A body that is not in memory. ``exfilter.body`` has those there are, and reads all kinds."""

    def __len__(self) -> int:
        """Return its bytes; of one that still arrives, when it is there."""

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from ``start`` on; of one that still arrives, as it comes."""


Buffer = bytes | memoryview | Body
Expired = Callable[[], bool]
"""Asked between units of work: has the transfer's deadline passed? The door owns the clock."""


def never() -> bool:
    """No deadline."""
    return False


@dataclass(frozen=True, slots=True)
class Stream:
    """What was sent on the same connection before a message: it counts together with it."""

    id: str = ""
    """Made once for the connection or call, at random. Empty: nobody made one."""
    last: bytes = b""
    """Its last bytes: read once more with the beginning of the message, so that a value in two is seen."""
    customers: tuple[int, ...] = ()
    """Who was identified in it."""
    unread: int = 0
    """Bytes of it that could not be read."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One outbound message: an HTTP request with its body, or a file given to ``scan``."""

    door: str
    """``proxy``, ``icap``, ``scan`` or ``replay``."""
    body: Buffer
    name: str = ""
    """The file's path. Empty: not a file."""
    actor: str = ""
    """Client certificate, proxy user, SOCKS user, else client address. Empty: nobody sends (a file scan)."""
    groups: frozenset[str] = frozenset()
    """The actor's, without case, from elsewhere than the policy. Empty: none are known."""
    groups_known: bool = True
    """False: there may be more of them, they could not be found out."""
    destination: str = ""
    """Host name in lower case, without port. Empty: it goes nowhere (a file scan)."""
    method: str = ""
    url: str = ""
    """Whole URL with its query: may carry customers, so it never reaches a log."""
    headers: Headers = ()
    """As sent, in order, also repeated ones. Empty: not HTTP."""
    trailers: Headers = ()
    time: float = 0.0
    """Seconds since the epoch, UTC: the door's clock, or the capture's own."""
    stream: Stream | None = None
    """What the stream (a WebSocket, a gRPC call) sent before. None: it is no message of a stream."""

    def header(self, name: str) -> str:
        """Return the first header of that name in any case, or an empty string."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a transfer that can be read as text."""

    path: tuple[str, ...]
    """Provenance from the outside in: ``("request.body", 'multipart[2] "q3.csv"')``."""
    text: str
    records: Int64Array | None = None
    """Ascending offsets into ``text`` where records (rows, objects, messages) begin.
    None: the content has no records, nearness is counted in characters."""

    @property
    def provenance(self) -> str:
        """The path as it is shown."""
        return " > ".join(self.path)


@dataclass(frozen=True, slots=True)
class Unscanned:
    """A part that could not be read. A value that travels to the verdict; never an empty result."""

    part: str
    """Provenance, as shown."""
    reason: Reason
    bytes: int
    """Bytes of the part that were not read, as far as they are known."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One masked place in a transfer where a customer was found."""

    part: str
    kind: Kind
    masked: Masked
    ordinal: int
    """The customer, or the first of those who share the value."""
    bearers: int
    """How many customers share the value."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The candidates of one shape in one transfer, judged together (for ``--explain``)."""

    shape: str
    candidates: int
    """Distinct values of that shape."""
    hits: int
    """Distinct values among them that are in the index."""
    expected: float
    """Hits that chance alone would give."""
    log10_p: float
    """log10 of the probability that chance gives at least that many."""
    estimated: int
    """Customers counted for it: 0 where chance may have done it."""


@dataclass(frozen=True, slots=True)
class Explained:
    """Why one customer counts as identified (for ``--explain``)."""

    ordinal: int
    bits: float
    needed: float
    because: tuple[str, ...]
    """One sentence a field: shape, bits."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a transfer holds, before any policy. Ordinals and masked text only."""

    identified: Ordinals
    estimated: int
    """Customers beyond the identified ones, from significant estimates."""
    estimated_ordinals: Ordinals
    """Who may be behind the estimate. May be longer than ``estimated``: a shared name gives all."""
    fields: Mapping[str, int]
    """Distinct customers by ``name``, ``email``, ``ticket``, ``phone``."""
    terms: Mapping[str, int]
    """Occurrences by the label of the policy's term lists."""
    unscanned: tuple[Unscanned, ...]
    bytes: int
    """Bytes of the transfer's body."""
    exhibits: tuple[Exhibit, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    explained: tuple[Explained, ...] = ()
    canaries: Mapping[str, int] = field(default_factory=dict)
    """By team: how many of the identified are canaries of its copy of the table."""
    exposed: Mapping[str, Ordinals] = field(default_factory=dict)
    """By field, as in ``fields``: who of the identified, and of those behind the estimate, stands in the
    transfer with it. Empty: nobody looked."""

    @property
    def customers(self) -> int:
        """Distinct customers: the identified and the estimated."""
        return len(self.identified) + self.estimated

    @property
    def unscanned_bytes(self) -> int:
        """Bytes that could not be read."""
        return sum(item.bytes for item in self.unscanned)


@dataclass(frozen=True, slots=True)
class Versions:
    """What has to be known to replay a verdict."""

    exfilter: str
    canonicaliser: int
    kernel: str
    index: str
    """Index id. Empty: there was none."""
    policy: str
    """Digest of the policy."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a transfer is called where it may be read: the customers in its names are masked.

    Empty where nobody made it: a name that was not looked at is not shown.
    """

    actor: str = ""
    destination: str = ""
    method: str = ""
    """``other`` for a word that is none."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Suspending:
    """That everything of an actor is held from now on."""

    rule: str
    tell: tuple[str, ...]
    """Receivers that hear of it, and of its end; sorted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with a transfer and what led to it."""

    action: Action
    rule: str
    """Name of the rule that decided. ``default`` when none matched, ``fail-closed`` on a failure."""
    reason: str
    """One sentence with the numbers, without any value."""
    versions: Versions
    findings: Findings
    details: Mapping[str, Any] = field(default_factory=dict)
    """The numbers that the rule compared."""
    shown: Shown = Shown()
    """What logs and lists call the transfer. Rules and releases go by its true names."""
    tell: tuple[str, ...] = ()
    """Receivers that hear of it, sorted. Empty: no rule that speaks says so."""
    suspends: Suspending | None = None
    """What has the actor suspended. None: nothing has."""
    thread: str = ""
    """What the transfer is a part of: requests of one upload in pieces, messages of one stream, share it and
    count as one exposure. No value is in it. Empty: it stands alone."""
