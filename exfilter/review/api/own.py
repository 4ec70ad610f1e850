"""What a program asks first: who am I, and what is there to call."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from exfilter.review.access import Person, Role, needs
from exfilter.review.api.parameters import all_known
from exfilter.review.api.transfers import TROUBLE

router = APIRouter(
    prefix="/api/v1",
    tags=["own"],
    responses={status: TROUBLE[status] for status in (401, 422, 503)},
    dependencies=[Depends(all_known)],
)

Anybody = Annotated[Person, Depends(needs(Role.ANALYST))]


class Me(BaseModel):
    """Whose token or session it is."""

    name: str
    role: Role


@router.get("/me")
def me(who: Anybody) -> Me:
    """Return whose token or session it is."""
    return Me(name=who.name, role=who.role)


@router.get("/openapi.json", include_in_schema=False)
def schema(request: Request, _: Anybody) -> dict[str, Any]:
    """Return the description of this API (OpenAPI)."""
    found: dict[str, Any] = dict(request.app.openapi())
    token = {"type": "http", "scheme": "bearer", "description": "made by `exfilter review token add`"}
    found["components"] = {**found.get("components", {}), "securitySchemes": {"token": token}}
    return {**found, "security": [{"token": []}]}
