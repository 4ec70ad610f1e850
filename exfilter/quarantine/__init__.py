"""Held transfers: bodies sealed to the reviewers' key, and what was decided about each."""

from exfilter.quarantine.binding import unbound
from exfilter.quarantine.entries import Entry, Move
from exfilter.quarantine.keys import generate_reviewer_key
from exfilter.quarantine.states import IllegalMove, State
from exfilter.quarantine.store import Quarantine, Verification

__all__ = [
    "Entry",
    "IllegalMove",
    "Move",
    "Quarantine",
    "State",
    "Verification",
    "generate_reviewer_key",
    "unbound",
]
