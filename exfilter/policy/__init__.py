"""Findings to a verdict, by an ordered table of rules in a TOML file. Pure, total and monotone."""

from exfilter.policy.example import default_policy_text
from exfilter.policy.reading import load, read
from exfilter.policy.rules import Defaults, Policy, Rule, Steps, Streams, Uploads
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
    "UNTIL_WHOLE",
    "Defaults",
    "Policy",
    "Rule",
    "Stage",
    "Steps",
    "Streams",
    "Uploads",
    "decide",
    "default_policy_text",
    "failed",
    "is_listed",
    "load",
    "may_stream",
    "read",
    "refused",
    "summary",
]
