"""Shapes of the keys of a table, and the chance that a random value of each is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import LEADS, names, tickets
from exfilter.kernel.tables import EMAIL, FIXED_SHAPES, NAME_MONO, Shape
from exfilter.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from detectors.tickets import Template

EMAIL_SPACE = 2.0**60


class Leads(NamedTuple):
    """Distinct keys of one shape."""

    keys: int
    by_lead: NDArray[np.float64]
    """[LEADS]: how many have each lead. Of no account but for numbers."""
    beside: NDArray[np.float64]
    """[LEADS]: the chance that a number beside one of them is one of them, too."""


def described(
    found: Mapping[tuple[Kind, str], Leads], templates: Iterable[Template]
) -> tuple[tuple[Shape, ...], NDArray[np.float64]]:
    """Return the shapes of a table, and the density of each by lead.

    Density, float64[shapes, leads]: the chance that a random value with that lead is a key.
    """
    spaces = _spaces(found, templates)
    listed, leads = [], []
    for number, name in enumerate(FIXED_SHAPES):
        kind = Kind.EMAIL if number == EMAIL else Kind.NAME
        counted = name if number in (EMAIL, NAME_MONO) else names.SHAPE
        leads.append(found.get((kind, counted), _NONE))
        listed.append(Shape(name, kind, EMAIL_SPACE if number == EMAIL else 0.0, leads[-1].keys))
    for kind, name in sorted(spaces):
        leads.append(found.get((kind, name), _NONE))
        listed.append(Shape(name, kind, spaces[kind, name], leads[-1].keys))
    return tuple(listed), np.stack([_density(*pair) for pair in zip(listed, leads, strict=True)])


def _spaces(
    found: Iterable[tuple[Kind, str]], templates: Iterable[Template]
) -> dict[tuple[Kind, str], float]:
    """Return the number of values of each shape of phones and tickets."""
    spaces: dict[tuple[Kind, str], float] = {
        (kind, name): 10.0 ** _digits(name) for kind, name in found if kind is Kind.PHONE
    }
    for template in templates:
        spaces[Kind.TICKET, template.shape] = template.space
        bare = template.bare_digits
        if bare >= tickets.MIN_BARE_DIGITS:
            spaces[Kind.TICKET, tickets.bare_shape(bare)] = 10.0**bare
    return spaces


def _digits(shape: str) -> int:
    return int(shape.removeprefix("+").rpartition(" ")[2])


def _density(shape: Shape, leads: Leads) -> NDArray[np.float64]:
    """Return the chance by lead: that of a number with the lead, or of one beside a customer's.

    Numbers are handed out in blocks. Where a lead's keys crowd in blocks of a hundred, so do the
    numbers of strangers; what counts is then how full the blocks are, without the key itself.
    """
    if shape.space <= 0.0:
        return np.full(LEADS, 1.0 if shape.keys else 0.0)
    if shape.kind is Kind.PHONE or shape.name.startswith("digits "):
        density: NDArray[np.float64] = np.maximum(leads.by_lead / (shape.space / LEADS), leads.beside)
        return np.minimum(density, 1.0)
    return np.full(LEADS, min(shape.keys / shape.space, 1.0))


_NONE = Leads(0, np.zeros(LEADS), np.zeros(LEADS))
