"""Look-up tables of a few customers, built the obvious way: the index builder's oracle."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from detectors import LEADS, Key, emails, lead, names, phones, tickets
from exfilter.index.statistics import Statistics
from exfilter.kernel.layer import SHARED, Layer
from exfilter.kernel.siphash import siphash24
from exfilter.kernel.tables import FIXED_SHAPES, Shape, Tables, commonness, fewest_digits
from exfilter.model import Kind

KIND_KEYS = tuple(bytes([kind + 1]) * 16 for kind in Kind)
TOKEN_KEY = b"t" * 16

Customer = Mapping[str, str]
"""Any of email, phone, ticket, name, first, last, region."""


def keys_of(customer: Customer, templates: Sequence[tickets.Template]) -> list[Key]:
    """Return all keys of one customer."""
    found: list[Key] = []
    found += emails.keys(customer["email"]) if "email" in customer else ()
    found += phones.keys(customer["phone"], customer.get("region")) if "phone" in customer else ()
    found += tickets.keys(customer["ticket"], templates) if "ticket" in customer else ()
    found += names.keys(*_name(customer)) if _name(customer) != ("", "") else ()
    return found


def _name(customer: Customer) -> tuple[str, str]:
    if "name" in customer:
        return names.split(customer["name"])
    return customer.get("first", ""), customer.get("last", "")


def build(customers: Iterable[Customer]) -> tuple[Tables, Statistics]:
    """Return tables and statistics of ``customers``; their ordinals are their places."""
    everybody = list(customers)
    templates = tickets.learn(c["ticket"] for c in everybody if "ticket" in c)
    bearers: dict[Key, set[int]] = defaultdict(set)
    roles = np.zeros(4096, dtype=np.uint8)
    firsts: Counter[str] = Counter()
    lasts: Counter[str] = Counter()
    given: Counter[str] = Counter()
    family: Counter[str] = Counter()
    for ordinal, customer in enumerate(everybody):
        for key in keys_of(customer, templates):
            bearers[key].add(ordinal)
        first, last = names.ends(*_name(customer))
        firsts[first] += 1
        lasts[last] += 1
        given[first or last] += bool(first or last)
        family[last or first] += bool(first or last)
    for counts, shift in ((given, 0), (family, 4)):
        slots = siphash24(TOKEN_KEY, [token.encode() for token in counts]) & np.uint64(len(roles) - 1)
        summed = np.bincount(slots.astype(np.int64), list(counts.values()), len(roles)).astype(np.int64)
        roles |= commonness(summed) << np.uint8(shift)
    shapes = _shapes(bearers, templates)
    tagged = sorted(_tagged(bearers))
    statistics = _statistics(len(everybody), bearers, shapes, everybody, firsts, lasts)
    tables = Tables(
        kind_keys=KIND_KEYS,
        token_key=TOKEN_KEY,
        layers=(layer(tagged),),
        roles=roles,
        shapes=shapes,
        templates=templates,
        fewest=fewest_digits(shapes, statistics.density),
    )
    return tables, statistics


def layer(tagged: Sequence[tuple[int, Sequence[int]]]) -> Layer:
    """Return a layer of tags, ascending, with their bearers."""
    records: list[tuple[int, int, int]] = []
    start, postings = [0], list[int]()
    words = max(1, -(-len(tagged) // 4))
    filter_ = [0] * words
    for tag, who in tagged:
        value = who[0]
        if len(who) > 1:
            value = int(SHARED) | (len(start) - 1)
            postings += who
            start.append(len(postings))
        records.append((tag & 0xFFFFFFFF, tag >> 32, value))
        for bits in (0, 6, 12, 18):
            filter_[(tag >> 32) * words >> 32] |= 1 << (tag >> bits & 63)
    return Layer(
        records=np.array(records, dtype=np.uint32).reshape(-1, 3),
        buckets=np.array([0, len(records)], dtype=np.uint32),
        filter=np.array(filter_, dtype=np.uint64),
        postings_start=np.array(start, dtype=np.int64),
        postings=np.array(postings, dtype=np.uint32),
    )


def _tagged(bearers: Mapping[Key, set[int]]) -> Iterator[tuple[int, list[int]]]:
    for kind in Kind:
        keys = [key for key in bearers if key.kind == kind]
        tags = siphash24(KIND_KEYS[kind], [key.canonical for key in keys])
        yield from zip(tags.tolist(), (sorted(bearers[key]) for key in keys), strict=True)


def _shapes(bearers: Mapping[Key, set[int]], templates: Sequence[tickets.Template]) -> tuple[Shape, ...]:
    counts = Counter(key.shape for key in bearers)
    kinds = {key.shape: key.kind for key in bearers}
    spaces = {template.shape: template.space for template in templates}
    fixed = [
        Shape("email", Kind.EMAIL, 2.0**60, counts["email"]),
        Shape(FIXED_SHAPES[1], Kind.NAME, 0, counts[names.SHAPE]),
        Shape(FIXED_SHAPES[2], Kind.NAME, 0, counts[names.SHAPE]),
        Shape(FIXED_SHAPES[3], Kind.NAME, 0, counts[names.MONO]),
        Shape(FIXED_SHAPES[4], Kind.NAME, 0, counts[names.SHAPE]),
    ]
    numbers = sorted((kinds[name], name) for name in counts if kinds[name] in (Kind.PHONE, Kind.TICKET))
    return tuple(fixed) + tuple(
        Shape(name, kind, spaces.get(name) or 10.0 ** int(name.split()[-1].lstrip("+")), counts[name])
        for kind, name in numbers
    )


def _by_lead(keys: Iterable[Key]) -> dict[int, list[Key]]:
    found: dict[int, list[Key]] = defaultdict(list)
    for key in keys:
        found[lead(key.canonical)].append(key)
    return found


def _statistics(
    customers: int,
    bearers: Mapping[Key, set[int]],
    shapes: Sequence[Shape],
    everybody: Sequence[Customer],
    firsts: Counter[str],
    lasts: Counter[str],
) -> Statistics:
    density = np.zeros((len(shapes), LEADS))
    for number, shape in enumerate(shapes):
        mine = [key for key in bearers if key.shape == shape.name]
        if shape.name[0] == "+" or shape.name.split()[0] in ("digits", phones.NATIONAL):
            blocks = Counter(key.canonical[:-2] for key in mine)
            for there, keys in _by_lead(mine).items():
                beside = sum(blocks[key.canonical[:-2]] - 1 for key in keys) / 100 / len(keys)
                density[number, there] = max(len(keys) * LEADS / shape.space, beside)
        elif shape.space:
            density[number, :] = len(mine) / shape.space
    pairs = [who for key, who in bearers.items() if key.shape == names.SHAPE]
    monos = [who for key, who in bearers.items() if key.shape == names.MONO]
    unknown = 0
    for who in pairs:
        if len(who) == 1:
            first, last = names.ends(*_name(everybody[min(who)]))
            unknown += firsts[first] == 1 or lasts[last] == 1
    return Statistics(
        customers=customers,
        density=np.minimum(density, 1.0),
        name_bearers=sum(map(len, pairs)),
        names_once=sum(len(who) == 1 for who in pairs),
        names_twice=sum(len(who) == 2 for who in pairs),
        names_once_unknown=unknown,
        mono_bearers=sum(map(len, monos)),
        mono_once=sum(len(who) == 1 for who in monos),
        mono_twice=sum(len(who) == 2 for who in monos),
    )
