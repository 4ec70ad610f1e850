"""Uploads in pieces by several requests: recognised, kept encrypted, judged as the whole that they make."""

from exfilter.uploads.judging import Uploads
from exfilter.uploads.recognising import recognise

__all__ = ["Uploads", "recognise"]
