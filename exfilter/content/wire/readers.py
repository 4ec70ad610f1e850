"""The readers of this room, in two groups: what is around a body, and what a body is."""

from __future__ import annotations

from exfilter.content import parsed
from exfilter.content.content import Reader
from exfilter.content.wire import (
    bson,
    cbor,
    chunked,
    frames,
    message,
    messagepack,
    pickles,
    plists,
    protobuf,
    separated,
)

FRAMINGS: tuple[Reader, ...] = (chunked.READER, message.READER, frames.LETTERS)
"""In front of what looks for something anywhere in a head."""
OBJECTS: tuple[Reader, ...] = (
    parsed.reader("plist", plists.recognises),
    parsed.reader("pickle", pickles.recognises),
    *frames.READERS,
    messagepack.READER,
    cbor.READER,
    bson.READER,
    protobuf.READER,
)
"""Behind the formats that have a magic: these have to make sense."""
SEPARATED = separated.READER
"""Behind what may have been done to all bytes of a text."""
