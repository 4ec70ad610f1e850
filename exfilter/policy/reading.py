"""A policy file to a policy, or the line and the reason why not."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exfilter.policy.receivers import Mail, Syslog, Webhook
from exfilter.policy.rules import Defaults, Policy, Rule, Steps, Streams, Tell, Uploads

Location = tuple[str | int, ...]
_TABLES: dict[str | int, type[BaseModel]] = {"uploads": Uploads, "streams": Streams, "tell": Tell}
_RECEIVERS: dict[str, type[BaseModel]] = {"webhook": Webhook, "syslog": Syslog, "mail": Mail}
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_HINTS = {
    "tuple_type": 'should be a list; write ["..."], or [[rules]] for rules',
    "dict_type": "should be a table; write it as key = value pairs",
    "model_type": "should be a table; write it as key = value pairs",
    "string_type": "should be text; put it in quotes",
    "bool_type": "should be true or false; write it without quotes",
    "union_tag_not_found": 'needs a kind; write kind = "webhook", "syslog" or "mail"',
    "union_tag_invalid": 'is of no known kind; write kind = "webhook", "syslog" or "mail"',
    "int_type": "should be a whole number; write it without quotes, point or unit",
}


def load(path: Path) -> Policy:
    """Read and check a policy file.

    Raises ValueError, one sentence ``FILE:LINE: reason; next step`` for each mistake, and OSError where
    the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        msg = f"{path}: there is no policy; restore it, or copy one that 'exfilter init' writes elsewhere"
        raise FileNotFoundError(msg) from None
    return read(data, str(path))


def read(data: bytes, name: str = "policy.toml") -> Policy:
    """Check the bytes of a policy file. Raises ValueError like ``load``."""
    text = _decoded(data, name).replace("\r\n", "\n")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, reason = _syntax(str(error), text)
        msg = f"{name}:{line}: {reason}; correct the TOML"
        raise ValueError(msg) from None
    try:
        return Policy.model_validate(table)
    except ValidationError as error:
        lines = positions(text)
        errors = error.errors(include_url=False, include_input=False)
        mistakes = sorted({_mistake(each, lines) for each in errors})
    raise ValueError("\n".join(f"{name}:{line}: {sentence}" for line, sentence in mistakes))


def positions(text: str) -> dict[Location, int]:
    """Return the line on which each table and key of a (valid) TOML text begins.

    TOML is a sequence of statements, each of which is a document too: so the parser itself says
    where one ends, and what it defines.
    """
    where: dict[Location, int] = {(): 1}
    elements: Counter[Location] = Counter()
    table: Location = ()
    for line, statement, parsed in _statements(text):
        if statement.lstrip().startswith("["):
            table = _header(parsed, elements)
            where.setdefault(table, line)
        else:
            for path in _paths(parsed, table):
                where.setdefault(path, line)
    return where


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    pending: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        pending.append(line)
        if line.rstrip().endswith(",") and len(pending) > 1:
            continue  # Inside a list: cannot be the end, and trying would make long lists quadratic.
        statement = "\n".join(pending)
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield number - len(pending) + 1, statement, parsed
        pending = []


def _header(parsed: dict[str, Any], elements: Counter[Location]) -> Location:
    """Return the path of a ``[table]`` or ``[[list of tables]]`` header, and count list elements."""
    path: Location = ()
    value: Any = parsed
    while value:
        ((key, value),) = value.items()
        path = (*path, key)
        if isinstance(value, list):
            elements[path] += 1
            value = value[0]
        if path in elements:
            path = (*path, elements[path] - 1)
    return path


def _paths(value: Any, path: Location) -> Iterator[Location]:  # noqa: ANN401 - what TOML holds
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: not UTF-8; save the file as UTF-8"
        raise ValueError(msg) from None


def _syntax(message: str, text: str) -> tuple[int, str]:
    found = _LINE.search(message)
    line = int(found[1]) if found and found[1] else text.rstrip("\n").count("\n") + 1
    return line, _LINE.sub("", message)


def _mistake(error: ErrorDetails, lines: dict[Location, int]) -> tuple[int, str]:
    found = tuple(step for step in error["loc"] if step != "[key]")
    model = _model(found)
    if found[:1] == ("receivers",):
        found = (*found[:2], *found[3:])  # pydantic names the kind as if it were a key.
    at = (*found, *error.get("ctx", {}).get("at", ()))
    known = next(at[:length] for length in range(len(at), -1, -1) if at[:length] in lines)
    return lines[known], _sentence(error, at, model)


def _sentence(error: ErrorDetails, at: Location, model: type[BaseModel]) -> str:
    kind, key = error["type"], _shown(at)
    if kind == "mistake":
        return f"{key}: {error['ctx']['reason']}" if key else str(error["ctx"]["reason"])
    if kind == "extra_forbidden":
        return f"unknown key {key!r}; remove it or write one of {', '.join(model.model_fields)}"
    if kind == "missing":
        return f"{key!r} is missing; add it"
    return f"{key!r} {_HINTS.get(kind) or error['msg'].replace('Input ', '') + '; correct it'}"


def _shown(at: Location) -> str:
    """Return a location as a person would say it: ``rules[2].customers``, counted from one."""
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in at).lstrip(".")


def _model(at: Location) -> type[BaseModel]:
    """Return the table that a key belongs to."""
    if at[:1] == ("rules",):
        return Rule
    if at[:2] == ("defaults", "on_unscanned"):
        return Steps
    if at[:1] == ("receivers",) and len(at) > 2:
        return _RECEIVERS[str(at[2])]
    return _TABLES.get(at[0], Defaults) if len(at) > 1 else Policy
