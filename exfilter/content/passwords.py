"""Passwords to try on what is encrypted: the configured ones, and what the transfer itself says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

_LONGEST = 100
_LABEL = re.compile(
    r"(?<![a-z])(?:pass[ -]?(?:word|wort|phrase|code|wd|key)?|pwd?|kenn?wort|mot[ _-]de[ _-]passe|mdp"
    r"|contrase(?:ñ|n|n\u0303)a|clave|senha|palavra[ -]passe|parola|wachtwoord|lösenord|adgangskode"
    r"|hasło|heslo|salasana|şifre|пароль|密码|密碼|パスワード|비밀번호)(?![a-z])",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\s*(?:\"([^\"\n]+)\"|'([^'\n]+)'|[`“„«»‚‘]([^`”“«»‘’\n]+)[`”“«»‘’]|(\S+))")
_MARK = re.compile(r"[\"'’]?[*_\s]*[:=：]+>?[*_]*|>|\s(?:is|ist|lautet|est|es|è|é|är|er|to)\s*:?(?=\s)|->|→")
_NEAR = 60
"""Characters behind the word in which the value is announced: "the password for the file is"."""
_END = re.compile(r"[\"'<>&,;]")
_AROUND = " \t\"'`“”„«»‚‘’()[]{}<>.,;:!?*_"

_LABELS = 200
"""Words for it that are looked at in one text."""
_LINE = 64
_SHORT = 1 << 12
_HEAD, _TAIL = 1 << 14, 1 << 12
_ROOM = 1 << 22
"""Characters of texts that are kept to be looked through."""
_NAMED, _ALONE, _MIXED, _AMONG = 25, 5, 10, 10
"""How many are tried: behind a word for it, a whole text, words that look like one, lines of a short text."""
_KINDS = (str.islower, str.isupper, str.isdigit, lambda char: not char.isalnum())


class Passwords:
    """Hears the texts of a transfer. They are looked through only once something is encrypted."""

    def __init__(self, configured: tuple[str, ...]) -> None:
        """Begin with those that are always tried."""
        self._configured = configured
        self._heard: list[str] = []
        self._room = _ROOM
        self._asked = False
        self._named: dict[str, None] = {}
        self._alone: dict[str, None] = {}
        self._mixed: dict[str, None] = {}
        self._among: dict[str, None] = {}

    def hear(self, text: str) -> None:
        """Take in the beginning and the end of a text."""
        if self._room <= 0 and self._asked:
            self._look()
        pieces = (text,) if len(text) <= _HEAD + _TAIL else (text[:_HEAD], text[-_TAIL:])
        for piece in pieces if self._room > 0 else ():
            self._heard.append(piece)
            self._room -= len(piece)

    def known(self) -> tuple[str, ...]:
        """Return what to try by now, the likeliest first."""
        self._asked = True
        self._look()
        return tuple(
            dict.fromkeys((*self._configured, *self._named, *self._alone, *self._mixed, *self._among))
        )

    def _look(self) -> None:
        for text in self._heard:
            _fill(self._named, named(text), _NAMED)
            short = text.strip() if len(text) <= _SHORT else ""
            lines = [line.strip() for line in short.splitlines()]
            _fill(
                self._alone,
                [line for line in lines if 0 < len(line) <= _LINE] if len(lines) == 1 else (),
                _ALONE,
            )
            _fill(self._among, (line for line in lines if 3 < len(line) <= _LINE and " " not in line), _AMONG)
            _fill(self._mixed, _mixed(short), _MIXED)
        self._heard.clear()
        self._room = _ROOM


def named(text: str) -> Iterator[str]:
    """Yield what stands behind a word for password, in each way in which it can be meant."""
    for label in itertools.islice(_LABEL.finditer(text), _LABELS):
        near = text[label.end() : label.end() + _NEAR + _LONGEST]
        places = [mark.end() for mark in _MARK.finditer(near, 0, _NEAR)]
        for place in (*places, 0):
            found = _VALUE.match(near, place)
            if found:
                yield from _readings(found[found.lastindex or 0], quoted=found.lastindex != 4)


def _readings(value: str, *, quoted: bool) -> Iterator[str]:
    if not quoted:
        first = _END.split(value, maxsplit=1)[0]
        yield from (first, first.rstrip(".:)]}"), first.strip(_AROUND), value.strip(_AROUND))
    yield value


def _mixed(text: str) -> Iterator[str]:
    """Yield words of letters in both cases, digits and signs, or of three of them."""
    for word in text.split():
        bare = word.strip("\"'`“”„«»‚‘’()[]{}<>.,;:")
        if 5 < len(bare) <= _LINE and "@" not in bare and sum(any(map(kind, bare)) for kind in _KINDS) > 2:
            yield bare


def _fill(into: dict[str, None], found: Iterator[str] | list[str] | tuple[()], most: int) -> None:
    for value in found:
        if len(into) >= most:
            return
        if len(value) <= _LONGEST and any(char.isalnum() for char in value):
            into[value] = None
