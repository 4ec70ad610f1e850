"""The fixtures are the same everywhere, and nobody in them is real."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest

from fixtures.bodies import Body, agent_reply, bodies, carrying, common_names, table
from fixtures.customers import COLUMNS, Customer, customers, e164, write_csv

RESERVED = re.compile(r"(^|\.)example(\.(com|org|net))?$", re.IGNORECASE)
FICTION = re.compile(
    r"\+1\d{3}555\d{4}|\+44(20794|161496|121496|131496|11[347]496|141496|191498|292018|289649)\d+"
    r"|\+49(3023125|4066969|6990009|8999998|2214710)\d{3}|\+33(19900|26191|35301|46571|53649)\d{4}"
    r"|\+61([2378]5550|[37]7010)\d{4}|\+46(8465004|3139006|4062804)\d\d"
)


@pytest.fixture(scope="module")
def people() -> list[Customer]:
    return list(customers(5_000, seed=7))


@pytest.fixture(scope="module")
def made(people: list[Customer]) -> tuple[Body, ...]:
    return bodies(people, seed=7)


def test_a_longer_table_begins_with_the_shorter_one(people: list[Customer]) -> None:
    assert list(customers(100, seed=7)) == people[:100]
    assert list(customers(100, seed=8)) != people[:100]


def test_every_address_is_at_a_reserved_domain(people: list[Customer]) -> None:
    domains = {customer.email.partition("@")[2] for customer in people if customer.email}
    assert all(RESERVED.search(domain) for domain in domains)


def test_every_phone_is_valid_and_from_a_range_kept_for_fiction(people: list[Customer]) -> None:
    for customer in people:
        if customer.phone:
            number = phonenumbers.parse(customer.phone, customer.country or None)
            assert phonenumbers.is_valid_number(number)
            spelt = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            assert FICTION.fullmatch(spelt), spelt


@pytest.mark.parametrize(
    ("national", "country", "expected"),
    [("212-555-0123", "US", "+12125550123"), ("030 23125 001", "DE", "+493023125001")],
)
def test_e164_is_the_international_spelling(national: str, country: str, expected: str) -> None:
    assert e164(national, country) == expected


def test_identifiers_are_nobody_elses(people: list[Customer]) -> None:
    for values in (
        [customer.customer_id for customer in people],
        [customer.ticket_id for customer in people if customer.ticket_id],
        [customer.email.lower() for customer in people if customer.email],
    ):
        assert len(set(values)) == len(values)


def test_the_table_is_as_uneven_as_real_ones(people: list[Customer]) -> None:
    names = Counter(customer.name for customer in people)
    assert max(names.values()) >= 4
    assert sum(count == 1 for count in names.values()) > 1_000
    assert 0 < sum(not customer.email for customer in people) < 500
    assert sum(not customer.phone for customer in people) > 500
    assert any(not name.isascii() for name in names)
    assert {customer.country for customer in people} >= {"", "US", "DE", "FR"}


def test_the_written_table_reads_back(tmp_path: Path, people: list[Customer]) -> None:
    write_csv(tmp_path / "customers.csv", 50, seed=7)
    with (tmp_path / "customers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [Customer(*row) for row in rows[1:]] == people[:50]


def test_bodies_are_the_same_each_time(people: list[Customer], made: tuple[Body, ...]) -> None:
    assert bodies(people, seed=7) == made
    assert len({body.name for body in made}) == len(made)


def test_what_must_be_held_has_hundreds_and_what_must_pass_at_most_one(made: tuple[Body, ...]) -> None:
    assert all(len(body.expected) > 400 for body in made if body.held)
    assert all(len(body.expected) <= 1 for body in made if not body.held)


def test_json_body_holds_those_whom_it_names(people: list[Customer]) -> None:
    body = next(body for body in carrying(people) if body.name == "copied.json")
    ids = {item["customer_id"] for item in json.loads(body.data)["items"]}
    assert ids == body.expected


def test_compressed_body_is_the_plain_one(people: list[Customer]) -> None:
    by_name = {body.name: body for body in carrying(people)}
    assert gzip.decompress(by_name["copied.csv.gz"].data) == by_name["copied.csv"].data
    assert by_name["copied-utf16.csv"].data.decode("utf-16").encode() == by_name["copied.csv"].data


def test_agent_names_one_customer(people: list[Customer]) -> None:
    customer = next(customer for customer in people if customer.email and customer.ticket_id)
    body = agent_reply(customer)
    assert body.expected == {customer.customer_id}
    assert customer.email in body.data.decode()


def test_strangers_share_names_with_customers(people: list[Customer]) -> None:
    text = common_names(400).data.decode()
    names = {customer.name for customer in people}
    shared = sum(name in names for name in re.findall(r"<li>(.*?)</li>", text))
    assert 50 < shared < 400


def test_export_has_a_header(people: list[Customer]) -> None:
    assert table(people[:1]).splitlines()[0] == ",".join(COLUMNS)
