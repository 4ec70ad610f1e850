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

Name = Annotated[str, Query(max_length=255, description="As shown; * is anything, case does not matter.")]
Age = Annotated[str, Query(pattern=r"^([0-9]{1,6}[mhdw])?$", description="30m, 36h, 7d or 2w.")]
TransferId = Annotated[str, Query(pattern=r"^(t-[a-z0-9]{1,64})?$", description="Id at which a page ended.")]


class Asked(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(frozen=True)

    state: Annotated[str, Query(pattern="^(held|released|denied|confirmed)?$", description="Empty: all.")] = (
        ""
    )
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
