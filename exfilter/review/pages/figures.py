"""The dashboard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from exfilter.quarantine import State
from exfilter.review import why
from exfilter.review.access import Person, Role, needs
from exfilter.review.answering import desk
from exfilter.review.charts import chart
from exfilter.review.dashboard import SPANS, USUAL
from exfilter.review.rendering import page

router = APIRouter(include_in_schema=False)

SERIES = (
    ("held", "Held transfers", "transfers"),
    ("held_customers", "Customers in held transfers", "customers"),
    ("sent", "Transfers with customers that passed", "transfers"),
    ("sent_customers", "Customers in transfers that passed", "customers"),
)


@router.get("/dashboard")
def dashboard(
    request: Request,
    _: Annotated[Person, Depends(needs(Role.ANALYST))],
    days: Annotated[int, Query(ge=1, le=366)] = USUAL,
) -> Response:
    """Show what was held and what passed, over time, by whom and where to."""
    found = desk(request).figures.dashboard(days)
    charts = [
        chart(title, unit, [(day.day, getattr(day, name)) for day in found.days])
        for name, title, unit in SERIES
    ]
    return page(
        request, "desk/dashboard.html", found=found, charts=charts, spans=SPANS, days=days,
        states=list(State), reasons=why.REASONS,
    )  # fmt: skip
