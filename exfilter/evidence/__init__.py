"""Hits to customers, with bits: how sure we are that a customer is in the transfer.

Fellegi and Sunter (1969) weigh the agreement of a field by how unlikely chance agreement is, and
Winkler (1989) takes that chance from the frequency of the value. Here:

1. An *anchor* (e-mail, ticket, phone) is worth -log2 of the chance that a random value of its
   shape is any customer's: the density of the shape's keys around that number.
2. Another field of the same customer within reach adds -log2 of the chance that a random value
   equals this customer's, less ``REACH_BITS`` because many values stand within reach. Within reach
   is what stands in the same record; where there are none, or where one holds more than ``CROWD``
   hits, what stands within ``REACH`` characters.
3. A customer is *identified* when the bits exceed log2(anchor candidates / a), where a customers
   may be there by chance: 0.01, or one in a thousand of the k customers with as many bits, if
   that is more (the step-up rule of Benjamini and Hochberg, 1995). So the candidates that a long
   list adds do not hide those who are in it.
4. What is left is judged together by shape. Of n distinct candidates k are hits; chance u of a
   hit follows from the index, for names by Good and Turing (1953): leave one customer out, and
   see how often his name is still there; a name whose tokens are common is likelier. Where a
   binomial tail says that chance did not do it, k - (n - k) * u / (1 - u) customers are
   *estimated*: those who missed tell how many of the strangers hit. Values of identified
   customers are explained and do not take part.
5. The table's people are not the text's: where names are few and shared by many, as in Vietnam or
   Japan, strangers hit far more often than the table as a whole says. So names must also do better
   than strangers of *any* population can: names borne by nobody, by one and by two customers tell
   that by themselves (Chao 1984; see ``chance.stranger_tail``).

Names alone never identify. Names that several customers bear are common names: they neither
prove nor disprove a leak and count only when those borne once have proved it.

Everything is linear in hits and candidates: ``gather`` joins the parts, ``cases`` finds what
stands together, ``identify`` draws the line, ``values`` and ``judge`` count what is left with the
arithmetic of ``chance``, ``explain`` tells why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exfilter.evidence.cases import find
from exfilter.evidence.chance import binomial_tail, stranger_tail
from exfilter.evidence.chances import Chances
from exfilter.evidence.explain import explain as explained_by
from exfilter.evidence.explain import exposed, nobody_exposed
from exfilter.evidence.gather import Observed, gather
from exfilter.evidence.identify import identify
from exfilter.evidence.judge import Judge
from exfilter.evidence.values import looked_for
from exfilter.index.statistics import Statistics
from exfilter.kernel.tables import Tables
from exfilter.model import Explained, Judgement, Ordinals

NOBODY: Ordinals = np.empty(0, dtype=np.int64)

__all__ = ["Observed", "Weighed", "binomial_tail", "stranger_tail", "weigh"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """The customers in one transfer."""

    identified: Ordinals
    estimated: int
    estimated_ordinals: Ordinals
    exposed: dict[str, Ordinals]
    """By field: who of them, and of those known before, stands in the transfer with it."""
    judgements: tuple[Judgement, ...] = ()
    explained: tuple[Explained, ...] = ()


def weigh(
    observed: Sequence[Observed],
    tables: Tables,
    statistics: Statistics,
    known: Ordinals = NOBODY,
    *,
    explain: bool = False,
) -> Weighed:
    """Return the customers in what the kernel found in the parts of one transfer.

    ``known``: those who count already for what was sent before. Only their fields are told here.
    """
    if not any(len(part.matches.start) for part in observed):
        return Weighed(NOBODY, 0, NOBODY, nobody_exposed())
    hits = gather(observed, tables)
    looked = looked_for(observed, hits, tables.shapes)
    cases = find(hits, Chances(tables, statistics), tables)
    identified, needed = identify(cases, looked.anchors)
    estimated, behind, judgements = Judge(hits, looked, statistics, tables).all_shapes(identified)
    # Stable: the runs ascend already, and are merged.
    counted = np.sort(np.concatenate((identified, behind)), kind="stable")
    counted = np.union1d(counted, known) if len(known) else counted
    return Weighed(
        identified,
        estimated,
        behind,
        exposed(hits, cases, counted, tables),
        judgements,
        tuple(explained_by(cases, needed, hits, tables)) if explain else (),
    )
