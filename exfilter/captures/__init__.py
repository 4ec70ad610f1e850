"""Recorded traffic as transfers, one file a format. Nothing of a capture is believed, not even its name.

A reader yields what is whole, in the order of the capture, and a value for each place that it could not read.
It holds one message in memory at a time.
"""

from exfilter.captures.captured import Captured, Place, Refused, Unread, clean, why
from exfilter.captures.kinds import Kind, kind

__all__ = ["Captured", "Kind", "Place", "Refused", "Unread", "clean", "kind", "why"]
