"""Tells others: takes notices out of the ledger's outbox and delivers them, in a process of its own."""

from exfilter.courier.channel import Channel, Refused, Unreachable, channel
from exfilter.courier.rounds import Courier

__all__ = ["Channel", "Courier", "Refused", "Unreachable", "channel"]
