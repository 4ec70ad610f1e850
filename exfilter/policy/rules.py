"""The table of rules as frozen values: what a policy file says once it has been checked."""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictStr,
    model_validator,
)

from detectors import terms as wording
from exfilter.model import Action, Reason
from exfilter.policy import hosts
from exfilter.policy.mistakes import mistake
from exfilter.policy.receivers import Receiver

MIB = 1024 * 1024
DEFAULT, FAIL_CLOSED, UNSCANNED = "default", "fail-closed", "unscanned"
UPLOAD_SESSION, SUSPENDED, CANARY = "upload-session", "suspended", "canary"
RESERVED = (DEFAULT, FAIL_CLOSED, UNSCANNED, UPLOAD_SESSION, SUSPENDED, CANARY)
"""What a verdict names where no rule of the table decided; no rule may bear these names."""

FORMAT = "exfilter-policy-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}")


def _action(value: object) -> Action:
    if isinstance(value, Action):
        return value
    if isinstance(value, str) and value in {action.name.lower() for action in Action}:
        return Action[value.upper()]
    reason = "unknown action; write allow, alert, quarantine or block"
    raise mistake(reason)


def _rule_name(name: str) -> str:
    if name in RESERVED:
        reason = f"the name {name!r} is reserved; choose another"
        raise mistake(reason)
    if not _NAME.fullmatch(name):
        reason = "a rule's name has 1 to 64 letters, digits, blanks, or any of ._/-; shorten or correct it"
        raise mistake(reason)
    return name


def _receiver_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        reason = "a receiver's name has 1 to 64 letters, digits, or any of ._/-; shorten or correct it"
        raise mistake(reason)
    return name


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        reason = "an empty list matches nothing; name at least one or remove the key"
        raise mistake(reason)
    return _sorted(values)


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _upper(values: tuple[str, ...]) -> tuple[str, ...]:
    return _some(tuple(value.upper() for value in values))


def _host_patterns(values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return _some(tuple(hosts.pattern(value) for value in values))
    except ValueError as error:
        reason = f"{error}; write for example crm.example or *.crm.example"
        raise mistake(reason) from None


def _is_host_pattern(text: str) -> bool:
    return any(mark in text for mark in "*.:")


def _destinations(values: tuple[str, ...]) -> tuple[str, ...]:
    patterns = tuple(value for value in values if _is_host_pattern(value))
    classes = tuple(value for value in values if not _is_host_pattern(value))
    return _some((*(_host_patterns(patterns) if patterns else ()), *classes))


def _term_list(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(wording.canonical(value) for value in values):
        reason = "one of these terms is empty; remove it"
        raise mistake(reason)
    return values


ActionName = Annotated[
    Action, BeforeValidator(_action), PlainSerializer(lambda action: action.name.lower(), return_type=str)
]
Names = tuple[StrictStr, ...]
Globs = Annotated[Names, AfterValidator(_some)]
Members = Annotated[Names, AfterValidator(_sorted)]
Methods = Annotated[Names, AfterValidator(_upper)]
Hosts = Annotated[Names, AfterValidator(_host_patterns)]
Destinations = Annotated[Names, AfterValidator(_destinations)]
TermList = Annotated[Names, AfterValidator(_term_list), AfterValidator(_some)]
Contents = Annotated[tuple[Literal["json", "form", "multipart", "text", "file"], ...], AfterValidator(_some)]
Receivers = Annotated[Names, AfterValidator(_sorted)]
Doors = Annotated[tuple[Literal["proxy", "scan", "replay", "icap", "response"], ...], AfterValidator(_some)]
Reasons = Annotated[tuple[Reason, ...], AfterValidator(_some)]
Count = Annotated[int, Field(strict=True, ge=1)]
Size = Annotated[int, Field(strict=True, ge=0)]
Days = Literal[1, 7, 30, 365]
Probability = Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]
Measured = Literal["customers", "new", "destinations", "unscanned", "viewed"]
"""What of an actor's days is compared with other days: see ``ledger.deviation.Measure``."""


LOOKING_BACK = ("sent_customers", "new_customers", "viewed_customers")


class By(enum.StrEnum):
    """Whose transfers are counted together."""

    ACTOR = "actor"
    GROUP = "group"
    DESTINATION = "destination"
    READER = "reader"
    """What he was shown, not what he sent. No rule says it: it is what viewed_customers means."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Table):
    """One row: the conditions under which it applies, the thresholds it compares, what follows.

    Conditions look at the transfer only, thresholds at the findings only. None: no such condition.
    """

    name: Annotated[StrictStr, AfterValidator(_rule_name)]
    action: ActionName
    actor: Globs | None = None
    group: Globs | None = None
    destination: Destinations | None = None
    method: Methods | None = None
    content: Contents | None = None
    door: Doors | None = None
    customers: Count | None = None
    identified: Count | None = None
    unscanned_bytes: Count | None = None
    unscanned_reasons: Reasons | None = None
    terms: dict[StrictStr, Count] = {}
    sent_customers: Count | None = None
    """Distinct customers in this transfer and in those of the last ``days``, ``by`` whom."""
    new_customers: Count | None = None
    """Those of them whom he had not sent before."""
    viewed_customers: Count | None = None
    """Distinct customers that the actor was shown in the last ``days`` (``read_hosts``)."""
    unusual: Probability | None = None
    """How likely today is at most, by the actor's own past and his peers', in any of the measures ``of``."""
    of: Annotated[tuple[Measured, ...], AfterValidator(_some)] = ("new",)
    days: Days | None = None
    by: Literal[By.ACTOR, By.GROUP, By.DESTINATION] = By.ACTOR
    max_customers: Size | None = None
    """Only of an allow rule: beyond so many customers it no longer applies."""
    canaries: StrictBool = False
    """Only of an allow rule: whether canaries may pass, too."""
    suspend: StrictBool = False
    """Whether everything of this actor is held from now on, until a reviewer lifts it."""
    tell: Globs | None = None
    """Receivers that hear of it when this rule speaks."""

    @property
    def looks_back(self) -> bool:
        """Whether it compares what was sent or read before."""
        return self.unusual is not None or any(getattr(self, key) is not None for key in LOOKING_BACK)

    @model_validator(mode="after")
    def _days_are_counted(self) -> Self:
        given = [key for key in LOOKING_BACK if getattr(self, key) is not None]
        if given and self.days is None:
            reason = "say over how many days: add days = 1, 7, 30 or 365"
            raise mistake(reason, given[0])
        if "viewed_customers" in given and ("by" in self.model_fields_set or len(given) > 1):
            reason = "viewed_customers are the actor's, and apart from what he sent: write two rules"
            raise mistake(reason, "viewed_customers")
        for key in ("days", "by"):
            if key in self.model_fields_set and not given:
                reason = f"{key} belongs to {', '.join(LOOKING_BACK)}: add one of them"
                raise mistake(reason, key)
        if "of" in self.model_fields_set and self.unusual is None:
            reason = "of says what is unusual: add unusual = 1e-4, or another probability"
            raise mistake(reason, "of")
        return self

    @model_validator(mode="after")
    def _thresholds_fit_the_action(self) -> Self:
        given = self.model_fields_set
        if self.action is not Action.ALLOW:
            if self.max_customers is not None:
                reason = "max_customers belongs to allow rules; write customers = N for a threshold"
                raise mistake(reason, "max_customers")
            if self.canaries:
                reason = "canaries belongs to allow rules; what follows elsewhere is on_canary of [defaults]"
                raise mistake(reason, "canaries")
            return self
        for key in ("suspend", "tell"):
            if getattr(self, key):
                reason = f"an allow rule says nothing of what it lets pass: move {key} to another rule"
                raise mistake(reason, key)
        for key in (
            "customers",
            "identified",
            "unscanned_bytes",
            "unscanned_reasons",
            "terms",
            *LOOKING_BACK,
            "unusual",
        ):
            if key in given:
                reason = (
                    f"an allow rule has no threshold {key!r}: more findings would soften the verdict; "
                    "remove it, or write max_customers = N for a ceiling"
                )
                raise mistake(reason, key)
        if not given & {"actor", "group", "destination"}:
            reason = "an allow rule without actor, group or destination exempts everybody; add one of them"
            raise mistake(reason, "action")
        return self


class Steps(_Table):
    """From how many unread bytes on an action follows. None: that action never does."""

    alert: Size | None = None
    quarantine: Size | None = None
    block: Size | None = None

    def action(self, unread: int) -> Action:
        """Return the most severe action that so many unread bytes reach."""
        reached = (action for action, least in self.starts() if unread >= least)
        return max(reached, default=Action.ALLOW)

    def starts(self) -> Iterator[tuple[Action, int]]:
        """Yield each action that can follow, with the bytes from which on it does."""
        for action in (Action.ALERT, Action.QUARANTINE, Action.BLOCK):
            least = getattr(self, action.name.lower())
            if least is not None:
                yield action, least


HOLD = Steps(quarantine=0)
STANDARD: Mapping[Reason, Steps] = {
    Reason.ENCRYPTED: HOLD,
    Reason.OVER_BUDGET: HOLD,
    Reason.DEADLINE: HOLD,
    Reason.MALFORMED: HOLD,
    Reason.OPAQUE: Steps(alert=0, quarantine=4_096),
    # Pictures, films and the like by their signature: everybody uploads them.
    Reason.UNSUPPORTED: Steps(alert=0, quarantine=16_384),
}


def _complete(given: dict[Reason, Steps]) -> dict[Reason, Steps]:
    return {reason: given.get(reason, STANDARD[reason]) for reason in Reason}


class Defaults(_Table):
    """What happens where no rule speaks of it."""

    on_failure: ActionName = Action.QUARANTINE
    on_canary: ActionName = Action.QUARANTINE
    """One canary is enough, in any transfer that no allow rule with ``canaries`` exempts."""
    on_unscanned: Annotated[dict[Reason, Steps], AfterValidator(_complete), Field(validate_default=True)] = {}


class Streams(_Table):
    """Requests that go on while they are answered, such as calls of gRPC."""

    destinations: Destinations = ()
    """Where each message is judged for itself. Elsewhere they are held until they end."""


class Uploads(_Table):
    """What is said of uploads in pieces."""

    destinations: Destinations = ()
    """Where a piece may pass that is not readable by itself: the whole is read before it is complete."""
    elsewhere: Literal["scan", "refuse"] = "scan"
    """What happens to uploads in pieces to other destinations."""


class Bulk(_Table):
    """Who is there to send many customers, and where to: counted apart from everything else he sends."""

    actor: Globs
    destination: Destinations


class Tell(_Table):
    """Who hears of what no rule of the table names."""

    suspensions: Receivers = ()
    """Of every actor who is suspended or lifted, whoever did it."""
    canaries: Receivers = ()
    """Of every canary in a transfer."""


class Policy(_Table):
    """A checked policy. Equal policies, however they are laid out, have the same digest."""

    defaults: Defaults = Defaults()
    groups: dict[StrictStr, Members] = {}
    """Name -> globs of actors, beside the members that a transfer comes with. May be empty for those."""
    destinations: dict[StrictStr, Hosts] = {}
    """Class -> patterns of hosts."""
    terms: dict[StrictStr, TermList] = {}
    """Label -> words; they match in any case, at word boundaries."""
    streams: Streams = Streams()
    uploads: Uploads = Uploads()
    bulk: tuple[Bulk, ...] = ()
    receivers: dict[Annotated[StrictStr, AfterValidator(_receiver_name)], Receiver] = {}
    """Name -> who is told, and how."""
    tell: Tell = Tell()
    rules: tuple[Rule, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the normalised policy, in hexadecimal."""
        normal = json.dumps([FORMAT, self.model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(normal.encode()).hexdigest()

    @model_validator(mode="after")
    def _names_are_defined(self) -> Self:
        seen: set[str] = set()
        for number, rule in enumerate(self.rules):
            if rule.name in seen:
                reason = f"a second rule is named {rule.name!r}; rename one of them"
                raise mistake(reason, "rules", number, "name")
            seen.add(rule.name)
            self._check_references(number, rule)
        self._check_classes(self.streams.destinations, "streams", "destinations")
        self._check_classes(self.uploads.destinations, "uploads", "destinations")
        for key in Tell.model_fields:
            self._check_names("tell", getattr(self.tell, key), self.receivers, "receivers", "tell", key)
        for number, bulk in enumerate(self.bulk):
            self._check_classes(bulk.destination, "bulk", number, "destination")
        return self

    def _check_classes(self, destinations: tuple[str, ...], *at: str | int) -> None:
        for name in destinations:
            if not _is_host_pattern(name) and name not in self.destinations:
                reason = (
                    f"destination {name!r} is not defined; add it to [destinations] or correct its spelling"
                )
                raise mistake(reason, *at)

    def _check_references(self, number: int, rule: Rule) -> None:
        self._check_classes(rule.destination or (), "rules", number, "destination")
        for key, used, known, section in (
            ("group", rule.group or (), self.groups, "groups"),
            ("terms", rule.terms, self.terms, "terms"),
            ("tell", rule.tell or (), self.receivers, "receivers"),
        ):
            self._check_names(key, used, known, section, "rules", number, key)

    @staticmethod
    def _check_names(
        word: str, used: Iterable[str], known: Container[str], section: str, *at: str | int
    ) -> None:
        for name in used:
            if name not in known:
                reason = f"{word} {name!r} is not defined; add it to [{section}] or correct its spelling"
                raise mistake(reason, *at)
