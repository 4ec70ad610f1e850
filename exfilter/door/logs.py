"""What a door says on standard error: a line for each event, with time, level and event; text or JSON.

A line never quotes traffic. What exfilter itself says is written for it; of what any other module says only
the kind of error and its place in the code are told, because the messages of a proxy quote what passes
through it.
"""

from __future__ import annotations

import enum
import logging
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from typing import TextIO

    from structlog.typing import EventDict, FilteringBoundLogger

OWN = "exfilter.door"
"""The logger whose messages are written without any value."""


class Format(enum.StrEnum):
    """How lines look."""

    TEXT = "text"
    JSON = "json"


def logger(style: Format = Format.TEXT, stream: TextIO | None = None) -> FilteringBoundLogger:
    """Return what the door speaks with."""
    made: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True, key="time"),
            structlog.processors.JSONRenderer() if style is Format.JSON else _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        context_class=dict,
    )
    return made


def _line(_logger: object, _method: str, event: EventDict) -> str:
    """Render as text: time, level, event, and the rest by name; nothing can begin a line of its own."""
    time, level, what = event.pop("time"), event.pop("level"), event.pop("event")
    rest = "".join(f" {name}={value}" for name, value in event.items())
    text = f"{time} {level:<7} {what}{rest}"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


class Discreet(logging.Handler):
    """Reports errors by their kind and place."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if record.name == OWN:
            self._log.error(record.getMessage())
        else:
            self._log.error("error", **place(record))


def place(record: logging.LogRecord) -> dict[str, Any]:
    """Return what is told of another module's error."""
    error = record.exc_info[0] if record.exc_info else None
    frames = traceback.extract_tb(record.exc_info[2]) if record.exc_info else []
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else record.module
    return {"kind": error.__name__ if error else "error", "logger": record.name, "place": where}
