"""The part of the verdict that looks back: thresholds over days, compared with what the ledger knows.

**Why it never softens a verdict.** It begins with the verdict on the transfer alone and takes the most
severe of it and of the rules that look back and speak: a maximum; who is told is a union, like before, and a
suspension holds what would pass. Those rules apply, are exempted from and
compare their other thresholds as all rules do (see ``verdicts.py``); what they count of the past grows with
the customers of the transfer and of those before it, so findings cannot silence them either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from exfilter.model import Action, Findings, Transfer, Verdict, Versions
from exfilter.policy.applying import applies, groups_of, is_bulk
from exfilter.policy.rules import DEFAULT, SUSPENDED, By, Policy, Rule
from exfilter.policy.verdicts import Voice, compared, following, sentence, voice_of


@dataclass(frozen=True, slots=True)
class Window:
    """Days up to today in which transfers are counted together."""

    by: By
    days: int


@dataclass(frozen=True, slots=True)
class Unusual:
    """How unlikely today is in one measure, with the transfer that is being decided."""

    log10_p: float
    """Of the probability of at least so many."""
    sentence: str
    """With the numbers, for a reviewer."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the ledger is asked before a transfer is decided."""

    groups: tuple[str, ...] = ()
    """The policy's groups that the actor is in."""
    bulk: bool = False
    """Whether he is declared to send many customers there."""
    windows: frozenset[Window] = frozenset()
    measures: frozenset[str] = frozenset()
    """In which it is asked how unusual today is."""
    exempt: bool = False
    """Whether an allow rule without a ceiling lets it pass before any rule looks back."""

    @property
    def is_apart(self) -> bool:
        """Whether it counts apart from what else the actor sends."""
        return self.bulk or self.exempt


@dataclass(frozen=True, slots=True)
class Counted:
    """Customers of one window, with those of the transfer that is being decided."""

    sent: int
    """Distinct ones."""
    new: int
    """Those of them that had not been sent before the window."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the ledger answers."""

    counted: Mapping[tuple[Window, str], Counted] = field(default_factory=dict)
    """By window, and by the name of the actor, group or destination."""
    unusual: Mapping[str, Unusual] = field(default_factory=dict)
    """By measure. One that is missing is not known."""
    is_suspended: bool = False
    """Whether everything of the actor is held."""


UNREAD, VIEWED = "unscanned", "viewed"
"""Measures that are not of the customers that somebody sends."""
RESPONSE = "response"
"""The door of what an actor was shown. It is never held, so no rule says more of it than alert."""


def question(policy: Policy, transfer: Transfer) -> Question:
    """Return what has to be known of the past to decide on a transfer."""
    bulk, exempt = is_bulk(policy, transfer), _is_exempt(policy, transfer)
    asked = [rule for rule in policy.rules if rule.looks_back and applies(policy, rule, transfer)]
    windows = {_window(rule) for rule in asked if rule.days}
    measures = {measure for rule in asked if rule.unusual for measure in rule.of}
    if transfer.door == RESPONSE:
        windows = {window for window in windows if window.by is By.READER}
        measures &= {VIEWED}
    if bulk or exempt:
        windows, measures = set(), set()
    return Question(groups_of(policy, transfer), bulk, frozenset(windows), frozenset(measures), exempt)


def viewed(findings: Findings, versions: Versions) -> Verdict:
    """Return the verdict on what an actor was shown, as long as nothing is known of the past."""
    return Verdict(Action.ALLOW, DEFAULT, f"{findings.customers} customers shown", versions, findings)


def _is_exempt(policy: Policy, transfer: Transfer) -> bool:
    """Whether an allow rule exempts from all rules that look back: what it lets pass counts apart."""
    for rule in policy.rules:
        if rule.looks_back:
            return False
        if rule.action is Action.ALLOW and rule.max_customers is None and applies(policy, rule, transfer):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What one policy asks of the past of one transfer, and makes of the answer."""

    policy: Policy
    transfer: Transfer

    @property
    def question(self) -> Question:
        """What has to be known."""
        return question(self.policy, self.transfer)

    def recall(self, verdict: Verdict, past: Past) -> Verdict:
        """Return the verdict with what is known."""
        return recall(self.policy, self.transfer, verdict, past)


def recall(policy: Policy, transfer: Transfer, verdict: Verdict, past: Past) -> Verdict:
    """Return the verdict with what was sent before. Pure, total, never softer than ``verdict``.

    A transfer without customers adds nothing to the past: it is not held for it, unless its actor is
    suspended, or for the bytes of it that were not read.
    """
    found = verdict.findings
    counts = found.customers or found.unscanned_bytes
    counted = _recalled(policy, transfer, verdict, past) if counts else verdict
    return suspended(counted) if past.is_suspended and transfer.door != RESPONSE else counted


def _recalled(policy: Policy, transfer: Transfer, verdict: Verdict, past: Past) -> Verdict:
    voices = list(_voices(policy, transfer, verdict.findings, past))
    if transfer.door == RESPONSE:
        voices = [replace(voice, action=min(voice.action, Action.ALERT)) for voice in voices]
    loudest = max(voices, key=lambda each: each.action, default=None)
    if loudest is None:
        return verdict
    details = {**verdict.details, "spoke": [*verdict.details.get("spoke", ()), *(v.rule for v in voices)]}
    verdict = following(policy, replace(verdict, details=details), voices)
    if loudest.action <= verdict.action:
        return verdict
    details["compared"] = {label: list(numbers) for label, numbers in loudest.compared.items()}
    reason = sentence(loudest, verdict.findings)
    return replace(verdict, action=loudest.action, rule=loudest.rule, reason=reason, details=details)


def suspended(verdict: Verdict) -> Verdict:
    """Return the verdict on a transfer of an actor who is suspended."""
    if verdict.action.holds:
        return verdict
    reason = f"this actor is suspended: every transfer is held until a reviewer lifts it; {verdict.reason}"
    return replace(verdict, action=Action.QUARANTINE, rule=SUSPENDED, reason=reason)


def _voices(policy: Policy, transfer: Transfer, findings: Findings, past: Past) -> Iterator[Voice]:
    for rule in policy.rules:
        if rule.action is Action.ALLOW:
            # One with a ceiling vouches for a transfer of so many, not for as many again and again.
            if rule.max_customers is None and applies(policy, rule, transfer):
                return
        elif rule.looks_back and applies(policy, rule, transfer):
            odds = _odds(rule, findings, past)
            for counted in _counts(rule, findings, past):
                numbers = {
                    **compared(rule, findings),
                    **_compared_before(rule, counted),
                    **_surprise(rule, odds),
                }
                if all(found >= least for found, least in numbers.values()):
                    yield replace(voice_of(rule, numbers), because=odds.sentence if odds else "")


def _counts(rule: Rule, findings: Findings, past: Past) -> Iterator[Counted]:
    """Yield what is counted of each window that the rule means; once nothing, where it means none."""
    if not rule.days:
        yield Counted(0, 0)
        return
    wanted = _window(rule)
    for (window, name), counted in past.counted.items() if findings.customers else ():
        if window == wanted and (rule.by is not By.GROUP or rule.group is None or name in rule.group):
            yield counted


def _odds(rule: Rule, findings: Findings, past: Past) -> Unusual | None:
    """Return the most unusual measure of a rule, its chance times their number (Bonferroni)."""
    if rule.unusual is None:
        return None
    # What carries nobody is unusual for its unread bytes alone.
    wanted = [each for each in rule.of if findings.customers or each == UNREAD]
    known = [past.unusual[each] for each in wanted if each in past.unusual]
    least = min(known, key=lambda each: each.log10_p, default=Unusual(0.0, ""))
    return replace(least, log10_p=min(0.0, least.log10_p + math.log10(len(rule.of))))


def _surprise(rule: Rule, odds: Unusual | None) -> dict[str, tuple[int, int]]:
    """Return how unlikely it is in decibans (I. J. Good, 1950): 40 are one in ten thousand."""
    if rule.unusual is None or odds is None:
        return {}
    return {
        "decibans of surprise": (math.floor(-10 * odds.log10_p), math.ceil(-10 * math.log10(rule.unusual)))
    }


def _compared_before(rule: Rule, counted: Counted) -> dict[str, tuple[int, int]]:
    """Return what of the past the rule compares: label -> (found, threshold)."""
    when = f"in {rule.days} days" if rule.days != 1 else "today"
    of = f"of the {rule.by} {when}"
    numbers = {}
    if rule.sent_customers is not None:
        numbers[f"customers {of}"] = (counted.sent, rule.sent_customers)
    if rule.viewed_customers is not None:
        numbers[f"customers shown to the actor {when}"] = (counted.sent, rule.viewed_customers)
    if rule.new_customers is not None:
        numbers[f"new customers {of}"] = (counted.new, rule.new_customers)
    return numbers


def _window(rule: Rule) -> Window:
    return Window(By.READER if rule.viewed_customers is not None else rule.by, rule.days or 1)
