"""Lines have time, level and event, and never quote what passed through."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.door.logs import OWN, Discreet, Format, discreet, logger

SECRET = "jane.doe@example.com"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (info|warning|error) +\S")


def lines(style: Format, *records: logging.LogRecord) -> list[str]:
    stream = io.StringIO()
    handler = Discreet(logger(style, stream))
    for record in records:
        handler.handle(record)
    return stream.getvalue().splitlines()


def record(message: str, *args: object, name: str = "mitmproxy.proxy.server") -> logging.LogRecord:
    try:
        raise ValueError(message)  # noqa: TRY301 - a traceback is wanted
    except ValueError:
        return logging.LogRecord(
            name, logging.ERROR, "/x/server.py", 7, message, args, sys.exc_info(), "attend"
        )


@given(st.text(min_size=1).map(lambda text: f"<{text}>{SECRET}"))
def test_what_another_module_says_is_in_no_line(message: str) -> None:
    for style in Format:
        (line,) = lines(style, record(message))
        assert SECRET not in line
        assert "ValueError" in line
        assert "test_logs.py" in line


@given(st.text(), st.text())
def test_every_line_is_one_line_with_time_level_and_event(first: str, second: str) -> None:
    own = [record("%s and %s", first, second, name=OWN)]
    (text,) = lines(Format.TEXT, *own)
    assert LINE.match(text)
    (structured,) = lines(Format.JSON, *own)
    found = json.loads(structured)
    assert {"time", "level", "event"} <= found.keys()
    assert found["level"] == "error"


@pytest.mark.parametrize("style", list(Format))
def test_an_error_without_an_exception_tells_its_module(style: Format) -> None:
    plain = logging.LogRecord("asyncio", logging.ERROR, "/x/events.py", 7, SECRET, (), None)
    (line,) = lines(style, plain)
    assert SECRET not in line
    assert "events" in line
    assert "asyncio" in line


def test_our_own_news_are_lines_and_those_of_others_are_not() -> None:
    stream = io.StringIO()
    with discreet(logger(Format.JSON, stream)):
        logging.getLogger("exfilter.scanner").info("read again")
        logging.getLogger("asyncio").warning(SECRET)
    logging.getLogger("exfilter.scanner").info("too late")
    (line,) = stream.getvalue().splitlines()
    assert (json.loads(line)["level"], json.loads(line)["event"]) == ("info", "read again")


class Unraisable:
    def __del__(self) -> None:
        raise ValueError(SECRET)


def test_errors_that_nobody_caught_are_lines_too(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    stream = io.StringIO()
    with discreet(logger(Format.JSON, stream)):
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Unraisable()
        warnings.warn(SECRET, stacklevel=1)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["kind"], line["logger"]) for line in found] == [
        ("ValueError", "thread"),
        ("ValueError", "finalizer"),
    ]
    assert SECRET not in stream.getvalue() + "".join(capfd.readouterr())
