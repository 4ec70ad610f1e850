"""Held transfers: bodies sealed to the reviewers' key, and what was decided about each."""

from exfilter.quarantine.binding import loose, unbound
from exfilter.quarantine.choosing import Choice, Page
from exfilter.quarantine.entries import Entry, Move
from exfilter.quarantine.figures import Figures
from exfilter.quarantine.keys import add_recovery_key, generate_reviewer_key
from exfilter.quarantine.requests import OS, AskedAlready, Request, Weighed, What
from exfilter.quarantine.states import IllegalMove, State, Unknown
from exfilter.quarantine.store import Quarantine
from exfilter.quarantine.verifying import Verification

__all__ = [
    "OS",
    "AskedAlready",
    "Choice",
    "Entry",
    "Figures",
    "IllegalMove",
    "Move",
    "Page",
    "Quarantine",
    "Request",
    "State",
    "Unknown",
    "Verification",
    "Weighed",
    "What",
    "add_recovery_key",
    "generate_reviewer_key",
    "loose",
    "unbound",
]
