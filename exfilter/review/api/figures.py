"""The dashboard's figures and the acts, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from exfilter.ledger import acts
from exfilter.quarantine.entries import utc
from exfilter.review.answering import desk
from exfilter.review.api import models
from exfilter.review.api.parameters import all_known
from exfilter.review.api.transfers import TROUBLE, Analyst
from exfilter.review.dashboard import USUAL

router = APIRouter(prefix="/api/v1", tags=["figures"], responses=TROUBLE, dependencies=[Depends(all_known)])


@router.get("/figures")
def figures(
    request: Request, _: Analyst, days: Annotated[int, Query(ge=1, le=366)] = USUAL
) -> models.Figures:
    """Return what was held and what passed in the last days, as it was when it was last asked for.

    Where that is more than a minute ago, the next call has newer ones.
    """
    found = asdict(desk(request).figures.dashboard(days))
    held = found.pop("held")
    shares = {f"held_{name}": held[name] for name in ("actors", "destinations", "rules")}
    more = {"unread": held["unread"], "made": utc(found["made"])}
    return models.Figures.model_validate(found | shares | more)


@router.get("/acts")
def listed(
    request: Request,
    _: Analyst,
    act: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> list[models.Act]:
    """List what people did, newest first."""
    found = acts.listed(desk(request).ledger.database, act, limit)
    return [models.Act.model_validate(asdict(each)) for each in found]
