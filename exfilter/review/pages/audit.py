"""What people did: the acts of the ledger, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from exfilter.ledger import acts
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)

STEP = 100
MOST = 10_000


@router.get("/audit")
def audit(
    request: Request,
    _: Annotated[Person, Depends(needs(Role.ANALYST))],
    act: Annotated[str, Query(max_length=100)] = "",
    most: Annotated[int, Query(ge=1, le=MOST)] = STEP,
) -> Response:
    """List them."""
    found = acts.listed(desk(request).ledger.database, act.strip(), most + 1)
    more = min(most + STEP, MOST) if len(found) > most else 0
    return page(request, "desk/audit.html", acts=found[:most], act=act.strip(), more=more)
