"""The semantics of the table: which rules speak, and which of them decides.

**Why more findings never soften a verdict.** Fix policy and transfer and let F <= G hold where G has
at least as many customers, identified customers, unread bytes and parts of each reason,
occurrences of each term, and canaries of each team as F.

1. Whether a rule *applies* (actor, group, destination, method, content, door) depends on the transfer
   alone, so it is the same under F and G.
2. A threshold is ``value >= n`` of one of those counts, and a rule *is reached* when all of its
   thresholds are: what F reaches, G reaches.
3. An allow rule *exempts* from the rules after it while ``customers <= max_customers``: what it
   does not exempt under F, it does not exempt under G. It has no thresholds (``rules.py`` refuses
   them), so findings can end an exemption but never begin one.
4. A rule *speaks* when it applies, is reached and no applying allow rule before it exempts. By 1 to 3
   the rules that speak under F speak under G; so do the steps for unread bytes, which grow with the
   bytes and are switched off by the transfer alone (an applying allow rule without ceiling; one with
   a ceiling cannot vouch for bytes in which nobody counted).
5. The verdict is the most severe action among those that speak (allow when none does), and a
   maximum over a larger set is never smaller. Who is told is the union of what those rules name, and the
   actor is suspended where one of them says so: a larger set tells nobody less and suspends no fewer.
6. A *piece* of an upload to a listed destination is decided without its unread bytes of the reasons in
   ``UNTIL_WHOLE``, under F as under G, so F <= G holds for what remains. That an upload in pieces is
   refused elsewhere depends on the transfer alone, like the exemption that switches it off.
7. The *canary* speaks where there is one and no applying allow rule with ``canaries`` exempts: G has one
   where F has, and by 3 what does not exempt under F does not exempt under G. Without its own word an
   allow rule never exempts from it, so an unbounded exemption takes nothing from the maximum either.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exfilter.body import size
from exfilter.model import Action, Findings, Reason, Suspending, Transfer, Unscanned, Verdict, Versions
from exfilter.policy import hosts
from exfilter.policy.applying import applies, patterns
from exfilter.policy.rules import CANARY, DEFAULT, FAIL_CLOSED, UNSCANNED, UPLOAD_SESSION, Policy, Rule

UNTIL_WHOLE = frozenset({Reason.OPAQUE, Reason.MALFORMED, Reason.UNSUPPORTED, Reason.ENCRYPTED})
"""Why a piece cannot be read by itself, which says nothing yet of the whole."""


class Stage(enum.Enum):
    """How much of an upload a transfer is."""

    WHOLE = enum.auto()
    """All of it."""
    PIECE = enum.auto()
    """Begins or continues it; the whole is judged later."""
    LAST = enum.auto()
    """Continues or completes it, and is judged with all that is known of the whole."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A rule that speaks, with what it compared: label -> (number found, threshold)."""

    action: Action
    rule: str
    compared: dict[str, tuple[int, int]]
    suspends: bool = False
    tell: tuple[str, ...] = ()
    because: str = ""
    """More than the numbers say."""


def voice_of(rule: Rule, numbers: dict[str, tuple[int, int]]) -> Voice:
    """Return a rule's voice."""
    return Voice(rule.action, rule.name, numbers, rule.suspend, rule.tell or ())


def following(policy: Policy, verdict: Verdict, voices: Sequence[Voice]) -> Verdict:
    """Return the verdict with what follows of all voices: who is told, and whether the actor is suspended.

    A union over those that speak: it grows with them.
    """
    tell = set(verdict.tell).union(*(voice.tell for voice in voices))
    if any(voice.rule == CANARY for voice in voices):
        tell.update(policy.tell.canaries)
    suspending = _suspending(policy, verdict, [voice for voice in voices if voice.suspends])
    return replace(verdict, suspends=suspending, tell=tuple(sorted(tell)))


def _suspending(policy: Policy, verdict: Verdict, voices: Sequence[Voice]) -> Suspending | None:
    before = verdict.suspends
    if not voices:
        return before
    rule = before.rule if before else max(voices, key=lambda each: each.action).rule
    tell = {*policy.tell.suspensions, *(before.tell if before else ())}
    return Suspending(rule, tuple(sorted(tell.union(*(voice.tell for voice in voices)))))


def decide(
    policy: Policy, transfer: Transfer, findings: Findings, versions: Versions, stage: Stage = Stage.WHOLE
) -> Verdict:
    """Return the verdict of the policy: pure, total, monotone in the findings."""
    counted = _counted(policy, transfer, findings, stage)
    exempting = next(_exemptions(policy, transfer, counted), None)
    voices = [
        *_canary(policy, transfer, counted),
        *_refusal(policy, transfer, counted, stage),
        *_rules(policy, transfer, counted),
        *_unread(policy, transfer, counted),
    ]
    quiet = Voice(Action.ALLOW, exempting.name if exempting else DEFAULT, {})
    voice = max(voices, key=lambda each: each.action, default=quiet)
    verdict = Verdict(
        action=voice.action,
        rule=voice.rule,
        reason=sentence(voice, findings),
        versions=replace(versions, policy=policy.digest),
        findings=findings,
        details={
            "compared": {label: list(numbers) for label, numbers in voice.compared.items()},
            "spoke": [each.rule for each in voices],
            "exempted_by": exempting.name if exempting else None,
            "groups": sorted(name for name in policy.groups if name.casefold() in transfer.groups),
            "groups_known": transfer.groups_known,
        },
    )
    return following(policy, verdict, voices)


def may_stream(policy: Policy, transfer: Transfer) -> bool:
    """Whether requests to this destination may go on message by message."""
    return hosts.matches(patterns(policy, policy.streams.destinations), transfer.destination)


def refused(action: Action, findings: Findings, versions: Versions) -> Verdict:
    """Return the verdict for a further request of an upload of which one was held. ``findings``: its own."""
    reason = f"a request of this upload was held before; {findings.customers} customers in all of its pieces"
    return Verdict(action, UPLOAD_SESSION, reason, versions, findings)


def failed(
    reason: str,
    transfer: Transfer,
    versions: Versions,
    policy: Policy | None,
    cause: Reason = Reason.UNSUPPORTED,
) -> Verdict:
    """Return the verdict for a transfer that could not be examined; ``reason`` must hold no value.

    Fail closed: the action is the policy's ``on_failure``, and quarantine where there is no policy. The
    whole body counts as unscanned, for ``cause``.
    """
    unread = size(transfer.body)
    nobody = np.zeros(0, np.int64)
    return Verdict(
        action=policy.defaults.on_failure if policy else Action.QUARANTINE,
        rule=FAIL_CLOSED,
        reason=f"not examined: {reason}",
        versions=replace(versions, policy=policy.digest) if policy else versions,
        findings=Findings(nobody, 0, nobody, {}, {}, (Unscanned("transfer", cause, unread),), unread),
    )


def summary(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain numbers and words: no ordinals, no provenance (it holds file names)."""
    found = verdict.findings
    return {
        "action": verdict.action.name.lower(),
        "rule": verdict.rule,
        "reason": verdict.reason,
        "customers": int(found.customers),
        "identified": len(found.identified),
        "estimated": int(found.estimated),
        "fields": {kind: int(count) for kind, count in found.fields.items()},
        "canaries": {team: int(count) for team, count in found.canaries.items()},
        "terms": {label: int(count) for label, count in found.terms.items()},
        "unscanned": [
            {"reason": reason.value, "parts": len(sizes), "bytes": sum(sizes)}
            for reason in Reason
            if (sizes := _sizes(found, (reason,)))
        ],
        "bytes": int(found.bytes),
        "versions": {
            "exfilter": verdict.versions.exfilter,
            "kernel": verdict.versions.kernel,
            "canonicaliser": verdict.versions.canonicaliser,
            "index": verdict.versions.index,
            "policy": verdict.versions.policy,
        },
    }


def _counted(policy: Policy, transfer: Transfer, findings: Findings, stage: Stage) -> Findings:
    """Return what the rules are shown."""
    if stage is not Stage.PIECE or not is_listed(policy, transfer):
        return findings
    kept = tuple(item for item in findings.unscanned if item.reason not in UNTIL_WHOLE)
    return replace(findings, unscanned=kept)


def _refusal(policy: Policy, transfer: Transfer, findings: Findings, stage: Stage) -> Iterator[Voice]:
    """Yield the refusal of uploads in pieces where they are not wanted."""
    if stage is Stage.WHOLE or policy.uploads.elsewhere == "scan" or is_listed(policy, transfer):
        return
    if not any(rule.max_customers is None for rule in _exemptions(policy, transfer, findings)):
        yield Voice(Action.QUARANTINE, UPLOAD_SESSION, {})


def is_listed(policy: Policy, transfer: Transfer) -> bool:
    """Whether pieces of uploads to this destination may pass that cannot be read by themselves."""
    return hosts.matches(patterns(policy, policy.uploads.destinations), transfer.destination)


def _rules(policy: Policy, transfer: Transfer, findings: Findings) -> Iterator[Voice]:
    """Yield the rules that speak, up to the first that exempts."""
    for rule in policy.rules:
        if not applies(policy, rule, transfer):
            continue
        if rule.action is Action.ALLOW:
            if exempts(rule, findings):
                return
            continue
        if rule.looks_back:
            continue  # What was sent before is compared in history.py.
        numbers = compared(rule, findings)
        if all(found >= least for found, least in numbers.values()):
            yield voice_of(rule, numbers)


def _exemptions(policy: Policy, transfer: Transfer, findings: Findings) -> Iterator[Rule]:
    for rule in policy.rules:
        if rule.action is Action.ALLOW and exempts(rule, findings) and applies(policy, rule, transfer):
            yield rule


def exempts(rule: Rule, findings: Findings) -> bool:
    """Whether an allow rule that applies exempts from the rules after it."""
    return rule.max_customers is None or findings.customers <= rule.max_customers


def _unread(policy: Policy, transfer: Transfer, findings: Findings) -> Iterator[Voice]:
    """Yield what the policy's defaults say of the bytes that could not be read."""
    if any(rule.max_customers is None for rule in _exemptions(policy, transfer, findings)):
        return
    for reason in Reason:
        sizes = _sizes(findings, (reason,))
        steps = policy.defaults.on_unscanned[reason]
        action = steps.action(sum(sizes)) if sizes else Action.ALLOW
        if action > Action.ALLOW:
            yield Voice(
                action, UNSCANNED, {f"{reason.value} bytes": (sum(sizes), dict(steps.starts())[action])}
            )


def _canary(policy: Policy, transfer: Transfer, findings: Findings) -> Iterator[Voice]:
    """Yield what follows from a canary. An allow rule that does not name canaries does not speak of them."""
    there = [(team, int(count)) for team, count in sorted(findings.canaries.items()) if count > 0]
    if policy.defaults.on_canary is Action.ALLOW or not there:
        return
    if not any(rule.canaries for rule in _exemptions(policy, transfer, findings)):
        numbers = {f"canaries of team {team}": (count, 1) for team, count in there}
        yield Voice(policy.defaults.on_canary, CANARY, numbers)


def _sizes(findings: Findings, reasons: tuple[Reason, ...]) -> list[int]:
    # A negative size would make the sum shrink as parts are added, and 4 fall.
    return [max(0, int(item.bytes)) for item in findings.unscanned if item.reason in reasons]


def compared(rule: Rule, findings: Findings) -> dict[str, tuple[int, int]]:
    """Return each threshold of a rule with the number it is numbers with."""
    numbers: dict[str, tuple[int, int]] = {}
    if rule.customers is not None:
        numbers["customers"] = (int(findings.customers), rule.customers)
    if rule.identified is not None:
        numbers["identified"] = (len(findings.identified), rule.identified)
    sizes = _sizes(findings, rule.unscanned_reasons or tuple(Reason))
    if rule.unscanned_reasons is not None:
        numbers["unscanned parts"] = (len(sizes), 1)
    if rule.unscanned_bytes is not None:
        numbers["unscanned bytes"] = (sum(sizes), rule.unscanned_bytes)
    for label, least in rule.terms.items():
        numbers[f"term {label}"] = (int(findings.terms.get(label, 0)), least)
    return numbers


def sentence(voice: Voice, findings: Findings) -> str:
    """Return why a rule decided, with the numbers and without any value."""
    customers, identified, estimated = findings.customers, len(findings.identified), findings.estimated
    if voice.rule == UPLOAD_SESSION:
        return "an upload in pieces, to a destination that is not listed for them"
    planted = _planted(findings)
    if voice.rule == CANARY:
        return (
            f"{planted}; {customers} customers ({identified} identified, {estimated} estimated), "
            f"{findings.unscanned_bytes} bytes unscanned"
        )
    reached = (f"{label} {found} (threshold {least})" for label, (found, least) in voice.compared.items())
    return (
        f"{customers} customers ({identified} identified, {estimated} estimated), "
        f"{findings.unscanned_bytes} bytes unscanned: {', '.join(reached) or 'no threshold compared'}"
        f"{f'; {planted}' if planted else ''}{f'; {voice.because}' if voice.because else ''}"
    )


def _planted(findings: Findings) -> str:
    """Return whose copies of the table the canaries are of."""
    return ", ".join(
        f"a canary of team {team}" if count == 1 else f"{count} canaries of team {team}"
        for team, count in _there(findings)
    )


def _there(findings: Findings) -> list[tuple[str, int]]:
    return [(team, int(count)) for team, count in sorted(findings.canaries.items()) if count > 0]
