"""Transfers with given customers, without scanning anything, and the past in plain sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from exfilter.model import Action, Findings, Ordinals, Shown, Transfer, Verdict, Versions
from exfilter.policy import By, Counted, Past, Question, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exfilter.ledger import Entry, Ledger

DAY = 86_400.0
START = 20_000 * DAY
WINDOWS = frozenset(Window(by, days) for by in By for days in (1, 7, 30, 365))


def some(numbers: Iterable[int]) -> Ordinals:
    return np.unique(np.array(list(numbers), dtype=np.int64))


@dataclass(frozen=True)
class Sent:
    """One transfer."""

    customers: frozenset[int]
    day: int = 0
    actor: str = "anna"
    destination: str = "mail.example"
    groups: tuple[str, ...] = ()
    body: bytes = b""
    thread: str = ""
    holds: bool = False
    behind: frozenset[int] = frozenset()
    estimated: int = 0
    bulk: bool = False
    exempt: bool = False
    unread: int = 0
    fields: tuple[str, ...] = ("email",)

    @property
    def transfer(self) -> Transfer:
        return Transfer(
            "proxy",
            self.body or repr(self).encode(),
            actor=self.actor,
            destination=self.destination,
            method="POST",
            url=f"https://{self.destination}/",
            time=START + self.day * DAY + 3600,
        )

    @property
    def verdict(self) -> Verdict:
        who = some(self.customers)
        found = Findings(
            identified=who,
            estimated=self.estimated,
            estimated_ordinals=some(self.behind),
            fields={name: len(who) for name in self.fields},
            terms={},
            unscanned=(),
            bytes=10,
            exposed=dict.fromkeys(self.fields, who),
        )
        versions = Versions("0", 1, "fake", "index-1", "policy-1")
        shown = Shown(self.actor, self.destination, "POST")
        return Verdict(Action.ALLOW, "default", "because", versions, found, shown=shown, thread=self.thread)

    def enter(self, ledger: Ledger, windows: frozenset[Window] = WINDOWS) -> tuple[Past, Entry]:
        """Enter it and return what was known of the past."""
        told: list[Past] = []

        def decide(past: Past) -> Verdict:
            told.append(past)
            return replace(self.verdict, action=Action.QUARANTINE if self.holds else Action.ALLOW)

        question = Question(self.groups, self.bulk, windows, exempt=self.exempt)
        entry = ledger.enter(self.transfer, self.verdict, question, decide)
        return told[0], entry


@dataclass
class Plain:
    """The oracle: all that was sent, gone through every time. Without estimates."""

    past: list[Sent] = field(default_factory=list)

    def counted(self, of: Sent) -> dict[tuple[Window, str], Counted]:
        names = [(By.ACTOR, of.actor), (By.DESTINATION, of.destination)]
        names += [(By.GROUP, name) for name in of.groups]
        return {
            (window, name): self._counted(of, window, by, name)
            for by, name in names
            for window in WINDOWS
            if window.by is by
        }

    def _counted(self, of: Sent, window: Window, by: By, name: str) -> Counted:
        mine = [each for each in self.past if _is(each, by, name)]
        inside = set(of.customers).union(*(s.customers for s in mine if s.day > of.day - window.days))
        before = set().union(*(s.customers for s in mine if s.day <= of.day - window.days))
        return Counted(len(inside), len(inside - before))

    def enter(self, sent: Sent) -> None:
        if not sent.holds:
            self.past.append(sent)


def _is(sent: Sent, by: By, name: str) -> bool:
    return name in {By.ACTOR: (sent.actor,), By.DESTINATION: (sent.destination,), By.GROUP: sent.groups}[by]
