"""Findings to a verdict, by an ordered table of rules in a TOML file. Pure, total and monotone."""

from exfilter.policy.example import default_policy_text
from exfilter.policy.history import (
    RESPONSE,
    Counted,
    Past,
    Question,
    Window,
    question,
    recall,
    suspended,
    viewed,
)
from exfilter.policy.reading import load, read
from exfilter.policy.rules import By, Defaults, Policy, Rule, Steps, Streams, Uploads
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
    "RESPONSE",
    "UNTIL_WHOLE",
    "By",
    "Counted",
    "Defaults",
    "Past",
    "Policy",
    "Question",
    "Rule",
    "Stage",
    "Steps",
    "Streams",
    "Uploads",
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
