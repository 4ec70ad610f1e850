"""What a door says on standard error: a line for each event, with time, level and event; text or JSON.

A line never quotes traffic. What exfilter itself says is written for it; of what any other module says only
the kind of error and its place in the code are told, because the messages of a proxy quote what passes
through it.
"""

from __future__ import annotations

import enum
import logging
import sys
import threading
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import TextIO

    from structlog.typing import EventDict, FilteringBoundLogger

OWN = "exfilter."
"""The loggers whose messages are written without any value."""


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


@contextmanager
def discreet(log: FilteringBoundLogger) -> Iterator[None]:
    """Have this process report to ``log`` all errors, also those that nobody caught, and our own news."""
    handler, own = Discreet(log), logging.getLogger(OWN.removesuffix("."))
    before, level = (threading.excepthook, sys.unraisablehook), own.level
    own.setLevel(logging.INFO)

    def report(kind: type[BaseException], frames: TracebackType | None, where: str) -> None:
        log.error("error", **_place(kind, frames, where, where))

    logging.getLogger().addHandler(handler)
    logging.captureWarnings(capture=True)
    threading.excepthook = lambda met: report(met.exc_type, met.exc_traceback, "thread")
    sys.unraisablehook = lambda met: report(met.exc_type, met.exc_traceback, "finalizer")
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before
        logging.captureWarnings(capture=False)
        logging.getLogger().removeHandler(handler)
        own.setLevel(level)


class Discreet(logging.Handler):
    """Reports errors by their kind and place, and what exfilter itself says from news on."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if record.name.startswith(OWN):
            self._log.log(record.levelno, record.getMessage())
        elif record.levelno >= logging.ERROR:
            kind, _, frames = record.exc_info or (None, None, None)
            self._log.error("error", **_place(kind, frames, record.name, record.module))


def _place(
    kind: type[BaseException] | None, frames: TracebackType | None, name: str, module: str
) -> dict[str, Any]:
    """Return what is told of another module's error."""
    steps = traceback.extract_tb(frames) if frames else []
    where = f"{Path(steps[-1].filename).name}:{steps[-1].lineno}" if steps else module
    return {"kind": kind.__name__ if kind else "error", "logger": name, "place": where}
