"""Findings to a verdict, by an ordered table of rules in a TOML file. Pure, total and monotone."""

from exfilter.policy.example import default_policy_text
from exfilter.policy.history import (
    RESPONSE,
    UNREAD,
    Counted,
    Hindsight,
    Past,
    Question,
    Unusual,
    Window,
    question,
    recall,
    suspended,
    viewed,
)
from exfilter.policy.reading import load, read
from exfilter.policy.receivers import Mail, Receiver, Syslog, Webhook
from exfilter.policy.rules import CANARY, By, Defaults, Policy, Rule, Steps, Streams, Tell, Uploads
from exfilter.policy.verdicts import (
    UNTIL_WHOLE,
    Stage,
    decide,
    failed,
    is_listed,
    may_stream,
    refused,
    summary,
)

__all__ = [
    "CANARY",
    "RESPONSE",
    "UNREAD",
    "UNTIL_WHOLE",
    "By",
    "Counted",
    "Defaults",
    "Hindsight",
    "Mail",
    "Past",
    "Policy",
    "Question",
    "Receiver",
    "Rule",
    "Stage",
    "Steps",
    "Streams",
    "Syslog",
    "Tell",
    "Unusual",
    "Uploads",
    "Webhook",
    "Window",
    "decide",
    "default_policy_text",
    "failed",
    "is_listed",
    "load",
    "may_stream",
    "question",
    "read",
    "recall",
    "refused",
    "summary",
    "suspended",
    "viewed",
]
