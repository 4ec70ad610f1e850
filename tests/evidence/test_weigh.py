"""What adds up to customers, and what does not."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter import evidence, kernel
from exfilter.evidence import Observed, Weighed
from tests.tables import Customer, build

FIRST = [
    f"{a}{b}"
    for a in ("an", "be", "ka", "lu", "mo", "ri", "so", "ta")
    for b in ("na", "ro", "mir", "lia", "dek")
]
LAST = [
    f"{a}{b}"
    for a in ("kor", "bel", "dan", "fer", "gol", "hem", "jas", "mul")
    for b in ("son", "ova", "ini", "berg", "ak", "ez", "lund", "tos")
]


def customers(count: int, seed: int = 1) -> list[Customer]:
    """Names by rank, as in life: few are common, most are rare."""
    rng = random.Random(seed)
    first = [name.title() for name in FIRST] + [f"{a}{b}".title() for a in FIRST for b in ("el", "is", "ur")]
    last = [name.title() for name in LAST] + [
        f"{a}{b}".title() for a in LAST for b in ("ow", "em", "ir", "ard")
    ]
    firsts = rng.choices(first, [1 / (rank + 3) for rank in range(len(first))], k=count)
    numbers = rng.sample(range(201 * 10_000, 990 * 10_000), count)
    lasts = rng.choices(last, [1 / (rank + 3) for rank in range(len(last))], k=count)
    return [
        {
            "first": f,
            "last": g,
            "email": f"{f}.{g}.{number}@mail.example".lower(),
            "phone": f"+1 {numbers[number] // 10_000} 555 {numbers[number] % 10_000:04}",
            "ticket": f"TM-{10_000_000 + 3 * number}",
        }
        for number, (f, g) in enumerate(zip(firsts, lasts, strict=True))
    ]


TABLE = customers(6000)
TABLES, STATISTICS = build(TABLE)


def weigh(*texts: str) -> Weighed:
    found = [Observed(kernel.find(text, TABLES), None) for text in texts]
    return evidence.weigh(found, TABLES, STATISTICS, explain=True)


def lines(rows: Iterable[Customer], *fields: str) -> str:
    return "\n".join(" ".join(row[field] for field in fields) for row in rows)


def count(weighed: Weighed) -> int:
    return len(weighed.identified) + weighed.estimated


SAMPLE = random.Random(7).sample(range(len(TABLE)), 1500)
LEAK = [TABLE[number] for number in SAMPLE]


@pytest.mark.parametrize(
    "fields",
    [
        ("first", "last", "email"),
        ("email",),
        ("ticket",),
        ("phone",),
        ("ticket", "phone"),
        ("first", "last", "ticket"),
    ],
)
def test_a_list_of_customers_counts_each_once(fields: Sequence[str]) -> None:
    weighed = weigh(lines(LEAK, *fields))
    assert 0.98 * len(LEAK) <= count(weighed) <= 1.01 * len(LEAK)
    assert set(weighed.identified) <= set(SAMPLE)


def test_a_bare_list_of_names_is_estimated() -> None:
    weighed = weigh(lines(LEAK, "first", "last"))
    bearers = len({(row["first"], row["last"]) for row in LEAK})
    assert 0.9 * bearers <= weighed.estimated <= bearers
    assert len(weighed.identified) == 0


def test_a_bare_list_of_the_names_of_a_small_table_is_estimated() -> None:
    small = [
        {"first": f"Q{row['first']}{n}x".translate(DIGITS), "last": f"W{row['last']}{n}x".translate(DIGITS)}
        for n, row in enumerate(TABLE[:100])
    ]
    tables, statistics = build(small)
    found = [Observed(kernel.find(lines(small, "first", "last"), tables), None)]
    assert evidence.weigh(found, tables, statistics).estimated == len(small)


DIGITS = str.maketrans("0123456789", "abcdefghij")


def test_strangers_of_the_same_population_are_nobody() -> None:
    strangers = customers(1500, seed=99)
    assert count(weigh(lines(strangers, "first", "last"))) == 0


def test_common_names_that_customers_bear_are_nobody() -> None:
    seen: dict[tuple[str, str], int] = {}
    for row in TABLE:
        name = (row["first"], row["last"])
        seen[name] = seen.get(name, 0) + 1
    common = sorted(seen, key=lambda name: -seen[name])[:200]
    assert count(weigh("\n".join(" ".join(name) for name in common))) == 0


def test_order_numbers_are_nobody() -> None:
    rng = random.Random(5)
    assert count(weigh("\n".join(str(rng.randrange(10**9, 10**10)) for _ in range(100_000)))) == 0


def test_numbers_of_a_dense_range_are_nobody() -> None:
    """A third of 10,000,000 to 10,018,000 are tickets: other people's numbers there hit, too."""
    rng = random.Random(5)
    assert count(weigh("\n".join(str(rng.randrange(10_000_000, 10_100_000)) for _ in range(3000)))) == 0


def test_a_page_of_common_first_and_last_names_is_nobody() -> None:
    """Half of the customers have names of this very grid: 63 in 100 of its names are somebody's."""
    first, last = FIRST[:20], LAST[:25]
    rng = random.Random(3)
    common = [{"first": rng.choice(first).title(), "last": rng.choice(last).title()} for _ in range(500)]
    rare = [
        {"first": f"X{row['first']}", "last": f"Y{row['last']}{LETTERS[n % 26]}"}
        for n, row in enumerate(TABLE[:500])
    ]
    tables, statistics = build(common + rare)
    page = "\n".join(f"{a.title()} {b.title()}" for a in first for b in last)
    assert count(evidence.weigh([Observed(kernel.find(page, tables), None)], tables, statistics)) == 0


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_strangers_with_numbers_of_the_same_reserved_range_are_nobody() -> None:
    """+1 NPA 555-01xx is where invented numbers lie: a quarter of it is customers'."""
    rng = random.Random(4)
    everything = [f"+1 {area} 555 01{line:02}" for area in range(201, 301) for line in range(100)]
    rng.shuffle(everything)
    tables, statistics = build({"phone": phone} for phone in everything[:2500])
    strangers = kernel.find("\n".join(rng.sample(everything, 500)), tables)
    assert count(evidence.weigh([Observed(strangers, None)], tables, statistics)) == 0
    customers_only = kernel.find("\n".join(everything[:400]), tables)
    assert count(evidence.weigh([Observed(customers_only, None)], tables, statistics)) >= 390


@pytest.mark.parametrize("fields", [("ticket",), ("phone",), ("email",), ("first", "last", "ticket")])
def test_noise_hides_nobody(fields: Sequence[str]) -> None:
    """5,000 tickets that were never issued, in the same range of 10 million, and as many numbers."""
    rng = random.Random(6)
    noise = [
        f"TM-{rng.randrange(10_100_000, 19_999_999)} {rng.randrange(2 * 10**9, 9 * 10**9)}"
        for _ in range(5000)
    ]
    weighed = weigh(lines(LEAK[:500], *fields) + "\n" + "\n".join(noise))
    assert 0.9 * 500 <= count(weighed) <= 1.1 * 500


def columns(*rows: Sequence[str]) -> Weighed:
    """Weigh a CSV of these columns."""
    lines = [",".join(row) for row in zip(*rows, strict=True)]
    records = np.cumsum([0, *(len(line) + 1 for line in lines[:-1])], dtype=np.int64)
    found = Observed(kernel.find("\n".join(lines), TABLES, records), records)
    return evidence.weigh([found], TABLES, STATISTICS)


def full_names(rows: Iterable[Customer]) -> list[str]:
    return [f"{row['first']} {row['last']}" for row in rows]


def paired_anew(rows: Sequence[Customer], seed: int) -> list[str]:
    rng = random.Random(seed)
    return [f"{rng.choice(rows)['first']} {rng.choice(rows)['last']}" for _ in rows]


def free_tickets(count: int, seed: int) -> list[str]:
    """Tickets of the customers' range that nobody has."""
    rng = random.Random(seed)
    return [f"TM-{10_000_000 + 3 * rng.randrange(len(TABLE)) + rng.choice((1, 2))}" for _ in range(count)]


@pytest.mark.parametrize("place", [0, 1, 3])
def test_names_in_a_field_are_not_hidden_by_those_in_other_fields(place: int) -> None:
    """Each customer's name stands beside three of first and last names paired anew."""
    padding = [paired_anew(LEAK, seed) for seed in range(3)]
    bearers = len(set(full_names(LEAK)))
    weighed = columns(*padding[:place], full_names(LEAK), *padding[place:])
    assert 0.5 * bearers <= weighed.estimated <= bearers


@pytest.mark.parametrize("place", [0, 8])
def test_tickets_in_a_field_are_not_hidden_by_those_in_other_fields(place: int) -> None:
    padding = [free_tickets(len(LEAK), seed) for seed in range(8)]
    tickets = [row["ticket"] for row in LEAK]
    weighed = columns(*padding[:place], tickets, *padding[place:])
    assert 0.98 * len(LEAK) <= count(weighed) <= len(LEAK)


def test_first_and_last_names_in_fields_apart_are_not_hidden_by_others() -> None:
    first, last = ([row[field] for row in LEAK] for field in ("first", "last"))
    others = [[name.split()[place] for name in paired_anew(LEAK, 1)] for place in (0, 1)]
    number = [str(at) for at in range(len(LEAK))]
    bearers = len(set(full_names(LEAK)))
    weighed = columns(first, number, number, number, last, number, number, *others)
    assert 0.5 * bearers <= weighed.estimated <= bearers


def test_strangers_in_many_fields_are_nobody() -> None:
    """Some of two hundred fields hold more customers by chance than the others."""
    rng = random.Random(8)
    numbers = [[str(10_000_000 + rng.randrange(3 * len(TABLE))) for _ in range(60)] for _ in range(200)]
    assert count(columns(*numbers)) == 0


def test_strangers_names_in_several_fields_are_nobody() -> None:
    fields = [full_names(customers(500, seed)) for seed in (90, 91, 92, 93)]
    assert count(columns(*fields)) == 0


def test_strangers_first_and_last_names_in_fields_apart_are_nobody() -> None:
    strangers = customers(1500, seed=99)
    number = [str(at) for at in range(len(strangers))]
    first, last = ([row[field] for row in strangers] for field in ("first", "last"))
    assert count(columns(first, number, number, number, last, first[::-1], last[::-1])) == 0


def test_a_value_in_two_fields_is_one() -> None:
    tickets = [row["ticket"] for row in LEAK]
    assert count(columns(tickets, tickets[::-1], free_tickets(len(LEAK), 1))) <= len(LEAK)


def test_a_list_of_tickets_names_its_customers() -> None:
    assert weigh(lines(LEAK[:50], "ticket")).identified.tolist() == sorted(SAMPLE[:50])


def test_uuids_timestamps_and_logs_are_nobody() -> None:
    rng = random.Random(5)
    rows = [
        f"2024-03-{rng.randrange(1, 29):02}T12:{rng.randrange(60):02}:07.{rng.randrange(10**6):06} "
        f"{uuid.UUID(int=rng.getrandbits(128))} pid={rng.randrange(99999)} "
        f"{1_700_000_000_000 + rng.randrange(10**9)}"
        for _ in range(3000)
    ]
    assert count(weigh("\n".join(rows))) == 0


def test_one_customer_in_a_letter_is_one() -> None:
    row = TABLE[42]
    weighed = weigh(f"Dear {row['first']} {row['last']}, ticket {row['ticket']} is solved. Yours, support")
    assert weighed.identified.tolist() == [42]
    exposed = {kind: who.tolist() for kind, who in weighed.exposed.items()}
    assert exposed == {"name": [42], "email": [], "ticket": [42], "phone": []}


def test_one_customer_a_thousand_times_is_one() -> None:
    assert count(weigh(lines([TABLE[42]] * 1000, "first", "last", "email", "phone"))) == 1


def test_a_name_alone_identifies_nobody() -> None:
    rare = next(row for row in TABLE if sum(r["last"] == row["last"] for r in TABLE) < 4)
    assert count(weigh(f"{rare['first']} {rare['last']}")) == 0


def test_a_shared_address_is_a_household_but_a_placeholder_is_nobody() -> None:
    tables, statistics = build([{"email": "us@home.example"}] * 2 + [{"email": "none@nowhere.example"}] * 50)
    found = [Observed(kernel.find("us@home.example none@nowhere.example", tables), None)]
    assert evidence.weigh(found, tables, statistics).identified.tolist() == [0, 1]


@given(st.lists(st.integers(0, len(TABLE) - 1), max_size=30), st.integers(0, 30))
def test_parts_in_any_split_hold_the_same_identified(chosen: list[int], at: int) -> None:
    rows = [TABLE[number] for number in chosen]
    whole = weigh(lines(rows, "email"))
    split = weigh(lines(rows[:at], "email"), lines(rows[at:], "email"))
    assert whole.identified.tolist() == split.identified.tolist() == sorted(set(chosen))


@given(st.integers(1, 400), st.data(), st.floats(1e-6, 0.9))
def test_the_binomial_tail_is_never_below_the_sum(trials: int, data: st.DataObject, chance: float) -> None:
    from math import comb, log10  # noqa: PLC0415

    successes = data.draw(st.integers(0, trials))
    exact = sum(
        comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(successes, trials + 1)
    )
    if exact > 1e-290:
        assert evidence.binomial_tail(trials, successes, chance) >= log10(exact) - 1e-6
