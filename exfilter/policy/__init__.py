"""Findings to a verdict, by an ordered table of rules in a TOML file. Pure, total and monotone."""

from exfilter.policy.example import default_policy_text
from exfilter.policy.reading import load, read
from exfilter.policy.rules import Defaults, Policy, Rule, Steps, Uploads
from exfilter.policy.verdicts import UNTIL_WHOLE, Stage, decide, failed, refused, summary

__all__ = [
    "UNTIL_WHOLE",
    "Defaults",
    "Policy",
    "Rule",
    "Stage",
    "Steps",
    "Uploads",
    "decide",
    "default_policy_text",
    "failed",
    "load",
    "read",
    "refused",
    "summary",
]
