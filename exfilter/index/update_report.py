"""What an update did, without any value of its files: numbers, lines, names of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exfilter.index.arrays import UPDATE
from exfilter.index.report import Learnt, Omitted, learnt, omitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exfilter.index.affected import Affected
    from exfilter.index.canaries import Planted
    from exfilter.index.changes import Changes
    from exfilter.index.manifest import Manifest
    from exfilter.index.removals import Removals
    from exfilter.kernel.tables import Shape

MUCH = 0.1
"""Share of the base's keys from which on a layer above it is worth a build."""
SHOWN_LINES = 20
"""Line numbers of unknown ids that are told."""


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """Numbers of one update, without any value of its files."""

    index: str
    """Id of the new index."""
    format: str
    charset: str
    """Both of the changes. Empty: there were none."""
    columns: Mapping[str, tuple[str, ...]]
    columns_unused: tuple[str, ...]
    rows: int
    rows_used: int
    customers: int
    """In the index now."""
    added: int
    """Also those who had been removed and are back."""
    changed: int
    """Customers who were in the index and in the table of changes."""
    removed: int
    unknown: Omitted
    """Ids to remove that the index never had."""
    gone_before: int
    """Ids to remove whose customers were gone already."""
    keys: Mapping[str, int]
    """Distinct keys by kind, with those that are gone since the build."""
    keys_changed: int
    """Keys whose customers are not those of the build any more."""
    keys_built: int
    shapes: tuple[Learnt, ...]
    rows_left_out: tuple[Omitted, ...]
    cells_left_out: tuple[Omitted, ...]
    ids_left_out: tuple[Omitted, ...]
    """Lines of the list of removals that could not be used."""
    canaries: Mapping[str, int]
    """By team, in the index now."""
    notes: tuple[str, ...]


def report(
    identity: str,
    about: Manifest,
    shapes: tuple[Shape, ...],
    changes: Changes | None,
    listed: Removals | None,
    who: Affected,
    canaries: Planted,
) -> UpdateReport:
    """Return the report. ``about``: the manifest of the new version."""
    unknown = () if listed is None else tuple(listed.lines[who.listed < 0].tolist())
    built, changed = (about.arrays[name].shape[0] for name in ("records", f"{UPDATE}records"))
    names = changes.table.columns if changes else ()
    used = changes.used.numbers if changes else {}
    return UpdateReport(
        index=identity,
        format=changes.table.format if changes else "",
        charset=changes.table.charset if changes else "",
        columns={use.value: tuple(names[n] for n in some) for use, some in used.items()},
        columns_unused=tuple(names[number] for number in changes.used.unused) if changes else (),
        rows=changes.seen if changes else 0,
        rows_used=len(changes.ids) if changes else 0,
        customers=about.customers,
        **who.counts,
        unknown=Omitted("never in the index", len(unknown), unknown[:SHOWN_LINES]),
        gone_before=int((~who.was[who.removed]).sum()),
        keys=about.keys,
        keys_changed=changed,
        keys_built=built,
        shapes=learnt(shapes),
        rows_left_out=omitted(changes.left_out) if changes else (),
        cells_left_out=omitted(changes.reader.left_out) if changes else (),
        ids_left_out=omitted(listed.left_out) if listed else (),
        canaries=canaries.counts,
        notes=tuple(_notes(changes, changed, built)),
    )


def _notes(changes: Changes | None, changed: int, built: int) -> Iterator[str]:
    if changes and changes.table.doubt:
        yield changes.table.doubt
    if changes and changes.reader.without_region:
        yield (
            f"{changes.reader.without_region} phone numbers without country code or region are only found "
            f"as they are written: give --region"
        )
    if changed > MUCH * built:
        yield (
            f"{changed:,} keys are not as they were built, of {built:,}: build the index again with "
            f"`exfilter index build CUSTOMERS`, which also counts all frequencies anew, or fold them in "
            f"with `exfilter index merge`"
        )
