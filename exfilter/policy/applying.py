"""Whether a rule applies to a transfer: by what the transfer is, whatever is found in it."""

from __future__ import annotations

from fnmatch import fnmatchcase

from exfilter.model import Action, Transfer
from exfilter.policy import hosts
from exfilter.policy.rules import Policy, Rule


def applies(policy: Policy, rule: Rule, transfer: Transfer) -> bool:
    """Whether all conditions of a rule hold for a transfer."""
    goes_to = None if rule.destination is None else patterns(policy, rule.destination)
    return (
        _is_one_of(transfer.actor, rule.actor)
        and (rule.group is None or _is_member(policy, rule, rule.group, transfer))
        and (goes_to is None or hosts.matches(goes_to, transfer.destination))
        and (rule.method is None or transfer.method.upper() in rule.method)
        and (rule.door is None or transfer.door in rule.door)
        and (rule.content is None or _has_content(rule, transfer))
    )


def _is_member(policy: Policy, rule: Rule, groups: tuple[str, ...], transfer: Transfer) -> bool:
    if any(_is_in(policy, name, transfer) for name in groups):
        return True
    # Fail closed: of groups that could not be found out, an allow rule takes the actor for no member, and
    # every other rule takes the actor for one.
    return not transfer.groups_known and rule.action is not Action.ALLOW


def _is_in(policy: Policy, name: str, transfer: Transfer) -> bool:
    return name.casefold() in transfer.groups or _is_one_of(transfer.actor, policy.groups[name])


def _is_one_of(actor: str, globs: tuple[str, ...] | None) -> bool:
    return globs is None or any(fnmatchcase(actor.casefold(), glob.casefold()) for glob in globs)


def patterns(policy: Policy, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the patterns of hosts that classes, and patterns themselves, stand for."""
    return tuple(pattern for name in names for pattern in policy.destinations.get(name, (name,)))


def _has_content(rule: Rule, transfer: Transfer) -> bool:
    # Two Content-Types are one for us and one for the receiver: both must suit an allow rule, either
    # is enough for the others.
    wanted = set(rule.content or ())
    types = [value for name, value in transfer.headers if name.lower() == "content-type"] or [""]
    kinds = {_content(value) for value in types}
    return kinds <= wanted if rule.action is Action.ALLOW else bool(kinds & wanted)


def _content(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind.startswith("multipart/"):
        return "multipart"
    if kind.startswith("text/") or kind == "application/xml" or kind.endswith("+xml"):
        return "text"
    return "file"


def groups_of(policy: Policy, transfer: Transfer) -> tuple[str, ...]:
    """Return the policy's groups that the actor is known to be in, sorted."""
    return tuple(sorted(name for name in policy.groups if _is_in(policy, name, transfer)))


def is_bulk(policy: Policy, transfer: Transfer) -> bool:
    """Whether the actor is declared to send many customers to this destination."""
    return any(
        _is_one_of(transfer.actor, each.actor)
        and hosts.matches(patterns(policy, each.destination), transfer.destination)
        for each in policy.bulk
    )
