"""The dashboard's figures and the acts, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from exfilter.ledger import acts
from exfilter.review.answering import desk
from exfilter.review.api import models
from exfilter.review.api.parameters import all_known
from exfilter.review.api.transfers import TROUBLE, Analyst

router = APIRouter(prefix="/api/v1", tags=["figures"], responses=TROUBLE, dependencies=[Depends(all_known)])


@router.get("/figures")
def figures(request: Request, _: Analyst, days: Annotated[int, Query(ge=1, le=366)] = 30) -> models.Figures:
    """Return what was held and what passed in the last days."""
    found = asdict(desk(request).dashboard(days))
    held = found.pop("held")
    shares = {f"held_{name}": held[name] for name in ("actors", "destinations", "rules")}
    return models.Figures.model_validate(found | shares | {"unread": held["unread"]})


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
