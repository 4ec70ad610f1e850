"""File and directory together, and what holds while the directory does not answer.

**When a group cannot be found out.** What the directory said last is used for a day. After that, and for an
actor it was never asked about, the groups are *not known*, which is not the same as none: the policy then
lets an allow rule by group apply to nobody, and every other rule by group to everybody
(``policy/verdicts.py``). So an outage neither opens a door nor lets a rule that holds fall silent.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from exfilter.groups import listed
from exfilter.groups.kept import Kept
from exfilter.latest import Latest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exfilter.model import Transfer
    from exfilter.settings import Settings

logger = logging.getLogger("exfilter.groups")
ANSWERS = "groups.sqlite"
"""File of the configuration folder in which the answers of a directory are kept."""
NONE: frozenset[str] = frozenset()


class Asked(Protocol):
    """A directory as it is asked here."""

    def groups(self, actor: str) -> frozenset[str]:
        """Return the groups of an actor. Raising means: not known."""


@dataclass(frozen=True, slots=True)
class _Answer:
    groups: frozenset[str]
    at: float


class Membership:
    """Gives a transfer the groups of its actor. Safe to use from several threads; may wait for a network."""

    FRESH = 600.0
    """Seconds for which an answer is not asked for again."""
    LAST_KNOWN = 86_400.0
    """Seconds for which it is used while there is no newer one."""
    PAUSE = 30.0
    """Seconds after a failure in which nobody waits for the directory again."""
    ACTORS = 100_000
    """That are remembered."""

    def __init__(
        self,
        file: Callable[[], Mapping[str, frozenset[str]]] | None = None,
        directory: Asked | None = None,
        clock: Callable[[], float] = time.time,
        kept: Kept | None = None,
    ) -> None:
        """None: there is no such source; ``kept``: what all processes know."""
        self._kept = kept
        self._file = file
        self._directory = directory
        self._clock = clock
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._asking = threading.Lock()
        self._retry_at = -1e9
        self._failing = False

    @classmethod
    def open(cls, given: Settings) -> Membership:
        """Open what the settings name. Raises ValueError or OSError for a mistake."""
        directory: Asked | None = None
        if given.ldap_url:
            from exfilter.groups.directory import Directory  # noqa: PLC0415 - who has none does not load it

            directory = Directory(given)
        file = _file(given.groups_file) if given.groups_file.name else None
        return cls(file, directory, kept=Kept(given.folder / ANSWERS) if directory else None)

    def placed(self, transfer: Transfer) -> Transfer:
        """Return the transfer with its actor's groups, beside those that it has."""
        actor = transfer.actor
        groups = transfer.groups
        if self._file and actor:
            groups |= self._file().get(actor.casefold(), NONE)
        if self._directory is None or not actor or _is_address(actor):
            return replace(transfer, groups=groups)
        found = self._found(self._directory, actor)
        return replace(transfer, groups=groups | (found or NONE), groups_known=found is not None)

    def _found(self, directory: Asked, actor: str) -> frozenset[str] | None:
        answer = self._recent(actor, self.FRESH)
        if answer is None:
            with self._asking:
                answer = self._recent(actor, self.FRESH) or self._ask(directory, actor)
        answer = answer or self._recent(actor, self.LAST_KNOWN)
        return answer.groups if answer else None

    def _recent(self, actor: str, age: float) -> _Answer | None:
        answer = self._answers.get(actor)
        if self._kept and not (answer and self._clock() - answer.at < self.FRESH):
            found = self._kept.answer(actor)
            if found and (answer is None or found[1] > answer.at):
                answer = self._answers[actor] = _Answer(*found)
        return answer if answer and self._clock() - answer.at < age else None

    def _ask(self, directory: Asked, actor: str) -> _Answer | None:
        if self._kept:
            self._retry_at = max(self._retry_at, min(self._kept.paused_until(), self._clock() + self.PAUSE))
        if self._clock() < self._retry_at:
            return None
        try:
            answer = _Answer(directory.groups(actor), self._clock())
        except Exception as error:  # noqa: BLE001 - fail closed: whatever it is, the groups are not known
            self._retry_at = self._clock() + self.PAUSE
            if self._kept:
                self._kept.pause(self._retry_at)
            self._say(error)
            return None
        if self._failing:
            self._failing = False
            logger.error("groups: the directory answers again")
        self._answers[actor] = answer
        self._answers.move_to_end(actor)
        if self._kept:
            self._kept.keep(actor, answer.groups, answer.at)
        while len(self._answers) > self.ACTORS:
            self._answers.popitem(last=False)
        return answer

    def _say(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            why = str(error) if type(error) is ConnectionError else type(error).__name__
            # Without a traceback: it would quote names.
            logger.error(
                "groups: the directory cannot be asked (%s); what it said last holds for a day, then "
                "allow rules by group apply to nobody and all other rules by group to everybody",
                why,
            )


def _file(path: Path) -> Latest[Mapping[str, frozenset[str]]]:
    try:
        return Latest(path, listed.read)
    except OSError as error:
        msg = f"groups_file {path}: {error.strerror}; make it, or correct groups_file in exfilter.toml"
        raise OSError(msg) from None


def _is_address(actor: str) -> bool:
    """Whether nobody said who they are: a directory of people knows no client addresses."""
    try:
        ipaddress.ip_address(actor)
    except ValueError:
        return False
    return True
