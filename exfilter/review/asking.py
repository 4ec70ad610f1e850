"""What is asked of the queue, as it stands in an address: the same for the page and the API."""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from exfilter.quarantine import Choice, State
from exfilter.quarantine.ages import ago
from exfilter.quarantine.choosing import PAGE
from exfilter.review.spelling import Spelt

Name = Annotated[str, Query(max_length=255, description="As shown; * is anything, case does not matter.")]
Age = Annotated[
    str,
    Spelt(r"([0-9]{1,6}[mhdw])?", "give 30m, 36h, 7d or 2w"),
    Query(description="30m, 36h, 7d or 2w."),
]
StateName = Annotated[
    str,
    Spelt("(held|released|denied|confirmed)?", "give held, released, denied or confirmed, or leave it out"),
    Query(description="Empty: all."),
]
TransferId = Annotated[
    str,
    Spelt(r"(t-[a-z0-9]{1,64})?", "give what stood in `next` of the page before, or leave it out"),
    Query(description="Id at which a page ended."),
]


class Asked(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(frozen=True)

    state: StateName = ""
    actor: Name = ""
    destination: Name = ""
    rule: Name = ""
    newer_than: Age = ""
    older_than: Age = ""
    after: TransferId = ""
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE

    def choice(self) -> Choice:
        """Return what is meant."""
        now = time.time()
        return Choice(
            State(self.state) if self.state else None,
            self.actor.strip(),
            self.destination.strip(),
            self.rule.strip(),
            ago(self.newer_than, now),
            ago(self.older_than, now),
        )

    def query(self, **changes: str) -> str:
        """Return it as a query, with some changes; what is empty is left out, but for the state."""
        values = self.model_dump() | changes
        told = {name: each for name, each in values.items() if each or name == "state"}
        if told["limit"] == PAGE:
            del told["limit"]
        return urlencode(told)
