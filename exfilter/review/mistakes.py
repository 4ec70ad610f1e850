"""What is wrong with a request, field by field: what may be given there, never what was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from exfilter.review.spelling import WORDED

NO_NAME, NO_PARAMETER = "extra_forbidden", "extra_parameter"
"""Types of errors: a field that there is not, and a parameter where there are others."""
WORDS: Mapping[str, str] = {
    WORDED: "{say}",
    "missing": "it is missing: give it",
    NO_NAME: "there is no such name: leave it out",
    NO_PARAMETER: "there is no such name: give {known}, or leave it out",
    "enum": "give {expected}",
    "literal_error": "give {expected}",
    "string_type": "give text",
    "string_unicode": "give text",
    "string_too_short": "give {min_length} or more characters",
    "string_too_long": "give {max_length} or fewer characters",
    "too_long": "give {max_length} or fewer",
    "greater_than_equal": "give {ge} or more",
    "less_than_equal": "give {le} or less",
    "json_invalid": "this is no JSON",
    "model_attributes_type": "give a JSON object",
    "value_error": "give a file",  # the one ValueError among the fields is that of an upload
} | dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "give a whole number")
"""By the validator's type of error. Its own sentences are not all free of what was given."""
NUMBER = "give a number"
OTHER = "this cannot be here: see the description of the API"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""A field that may be named: a visitor names fields as he likes."""


def mistake(error: Mapping[str, Any]) -> tuple[str, str]:
    """Return the field and what may be given, of one of the errors of pydantic."""
    kind, given = str(error["type"]), error.get("ctx") or {}
    words = NUMBER if kind.startswith(("float", "finite")) else WORDS.get(kind, OTHER)
    return _field(error["loc"]), words.format_map({name: _plain(each) for name, each in given.items()})


def _field(place: tuple[int | str, ...]) -> str:
    """Return its name. A place is as ("query", "state"), or ("body", 12) where no field is meant."""
    names = [each for each in place[1:] if isinstance(each, str)]
    if not names:
        return str(place[0]) if place else "request"
    return ".".join(each if NAME.fullmatch(each) else "a name that there is not" for each in names)


def _plain(told: object) -> str:
    return str(told).replace("'", "")
