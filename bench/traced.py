"""A trace of three victims of the thief, in a process of its own: ``python -m bench.traced FILE-OR-URL``.

Prints figures as JSON. The victims are given as ordinals: the index is not looked into here.
"""

from __future__ import annotations

import json
import resource
import sys
import time


def main() -> None:
    """Trace twice, and say who came first."""
    began = time.perf_counter()
    import numpy as np  # noqa: PLC0415 - this is measured, too
    import sqlalchemy as sa  # noqa: PLC0415
    from pyroaring import BitMap  # noqa: PLC0415

    from bench.asking import CUSTOMERS, opened  # noqa: PLC0415
    from exfilter.ledger.holding import Victims  # noqa: PLC0415
    from exfilter.ledger.sets import unpacked  # noqa: PLC0415
    from exfilter.ledger.tables import lifetimes, scopes  # noqa: PLC0415
    from exfilter.ledger.trace import trace  # noqa: PLC0415
    from exfilter.ledger.tracing import Asked, evidence  # noqa: PLC0415

    imported = time.perf_counter()
    ledger = opened(sys.argv[1])
    thief = sys.argv[2]
    with ledger.database.transaction() as connection:
        query = sa.select(lifetimes.c.identified).join(scopes, scopes.c.id == lifetimes.c.scope)
        stolen: BitMap = unpacked(connection.execute(query.where(scopes.c.name == thief)).scalar_one())
    chosen = np.sort(np.random.default_rng(4).choice(np.array(stolen.to_array()), 3, replace=False))
    figures: dict[str, object] = {"imports": imported - began}
    for word in ("first", "again"):
        start = time.perf_counter()
        asked = Asked(Victims(np.full(3, np.inf)), chosen.astype(np.int64))
        found = evidence(ledger, asked, CUSTOMERS, _groups)
        read = time.perf_counter()
        result = trace(found.carried, asked.victims, found.actors, found.destinations)
        figures |= {f"read {word}": read - start, f"whole {word}": time.perf_counter() - start}
    names = [found.actor_names[place] for place in result.actors.holder.tolist()]
    figures |= {"rank": names.index(thief) + 1, "verdict": result.verdict.outcome.value}
    figures |= {"transfers": len(found.carried.time), "corrected": float(result.actors.corrected[0])}
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ledger.close()
    print(json.dumps(figures))  # noqa: T201


def _groups(names: object) -> object:
    import numpy as np  # noqa: PLC0415

    return np.array([int(name.removeprefix("agent")) % 20 + 1 for name in names], dtype=np.int32)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
