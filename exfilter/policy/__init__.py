"""Findings to a verdict, by an ordered table of rules in a TOML file. Pure, total and monotone."""

from exfilter.policy.example import default_policy_text
from exfilter.policy.reading import load, read
from exfilter.policy.rules import Defaults, Policy, Rule, Steps, Streams
from exfilter.policy.verdicts import decide, failed, may_stream, summary

__all__ = [
    "Defaults",
    "Policy",
    "Rule",
    "Steps",
    "Streams",
    "decide",
    "default_policy_text",
    "failed",
    "load",
    "may_stream",
    "read",
    "summary",
]
