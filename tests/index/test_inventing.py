"""Invented customers look like those of the table and are none of them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import names
from exfilter.index.inventing import FICTION, Numbers, Wish, address, invent, spelt
from exfilter.index.opening import open_table
from exfilter.index.styles import plain, style, styled
from fixtures.customers import write_csv
from tests.index.making import write

TEAMS = {"support": 12, "sales": 8}


def invented(file: Path, **wish: object) -> list[dict[str, str]]:
    head, *rows = invent(open_table(file), Wish(TEAMS, **wish), Random(2026))  # type: ignore[arg-type]
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("inventing") / "customers.csv"
    write_csv(file, 3000)
    return file


@pytest.fixture(scope="module")
def real(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.read_text())))


@pytest.fixture(scope="module")
def canaries(table: Path) -> list[dict[str, str]]:
    return invented(table)


def test_there_are_as_many_as_wished_for_with_the_columns_of_the_table(
    canaries: list[dict[str, str]], real: list[dict[str, str]]
) -> None:
    assert [row["canary_team"] for row in canaries] == ["support"] * 12 + ["sales"] * 8
    assert [*real[0], "canary_team"] == list(canaries[0])


def test_ids_and_tickets_have_the_shapes_of_the_table(canaries: list[dict[str, str]]) -> None:
    assert all(re.fullmatch("C00[0-9]{5}", row["customer_id"]) for row in canaries)
    assert all(re.fullmatch("TM-300[0-9]{5}", row["ticket_id"]) for row in canaries)


def test_addresses_are_at_reserved_domains_or_at_the_given_ones(
    canaries: list[dict[str, str]], table: Path
) -> None:
    assert all(re.fullmatch(r"[a-z._0-9-]+@example\.(com|net|org)", row["email"]) for row in canaries)
    own = invented(table, domains=("mail.acme.example",))
    assert {row["email"].partition("@")[2] for row in own} == {"mail.acme.example"}


def test_phones_are_of_ranges_for_fiction_in_the_country_of_the_row(canaries: list[dict[str, str]]) -> None:
    given_ = [row for row in canaries if row["phone"]]
    assert len(given_) > 3
    for row in given_:
        parsed = phonenumbers.parse(row["phone"], row["country"] or None)
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        region = row["country"] or phonenumbers.region_code_for_number(parsed) or ""
        pattern = FICTION[region].replace("+", r"\+").replace("#", "[0-9]").replace("?", "[0-9]")
        assert re.fullmatch(pattern, number)


def shape(email: str) -> str:
    """Return whether an address has digits, and its separators."""
    local = email.partition("@")[0]
    return re.sub("[0-9]+", "0", re.sub("[a-zA-Z]+", "", local))


def test_addresses_and_phones_are_shaped_as_often_alike_as_in_the_table(tmp_path: Path) -> None:
    family = "Berg Brandt Kuhn Vogt Moser Lang Huber Roth Frank Winter Busch Pohl Horn Beck Arnold".split()
    given_ = "Ina Eva Udo Max Tom Lea Kim Ben Ida Ole Jan Pia Lars Nora Till".split()
    dice = Random(8)
    rows = []
    for n in range(3000):
        first, last = dice.choice(given_), dice.choice(family)
        local = dice.choice([f"{first}.{last}{n}", f"{first}.{last}{n}", f"{last}-{first[0]}{n}", f"kiwi{n}"])
        phone = dice.choice(["(212) 555-{:04}", "212 555 {:04}", "0171/{:08}"]).format(2000 + n)
        country = "DE" if phone[0] == "0" else "US"
        domain = "example.org" if n % 10 else "example.com"
        rows.append(f"{n * 7},{first},{last},{local.lower()}@{domain},{phone},{country}")
    table = write(tmp_path, "\n".join(["id,first_name,last_name,email,phone,country", *rows]))
    head, *found = invent(open_table(table), Wish({"a": 80}), Random(3))
    canaries = [dict(zip(head, row, strict=True)) for row in found]
    styles = Counter(shape(row["email"]) for row in canaries)
    assert styles.keys() == {".0", "-0"}
    assert 0.5 < styles[".0"] / 80 < 0.85, "two in three whose address is made of a name"
    at_org = sum(row["email"].endswith("@example.org") for row in canaries)
    assert 64 < at_org < 80, "nine in ten, and none at a domain that the table does not have"
    assert not any(row["email"].endswith("@example.net") for row in canaries)
    american = [row["phone"] for row in canaries if row["country"] == "US" and row["phone"]]
    assert len(american) > 20
    assert all(re.fullmatch(r"\(212\) 555-01[0-9]{2}|212 555 01[0-9]{2}", phone) for phone in american)


NAMES = st.sampled_from("Anna Kowalska Jürgen Groß O'Neill 明 Ana-Lucía Zoë".split())


@given(NAMES, NAMES, st.sampled_from(".-_"), st.from_regex("[0-9]{0,4}", fullmatch=True))
def test_an_address_made_in_a_style_has_that_style(given_: str, family: str, sign: str, digits: str) -> None:
    made = style(f"{plain(given_)}{sign}{plain(family)}{digits}", given_, family)
    assert made
    again = styled(made, given_, family, Random(1))
    assert style(again, given_, family) == made
    assert not re.search("[A-Za-z]", re.sub("<[a-z]+>", "", made)), "nothing of the bearer is in it"


@pytest.mark.parametrize("local", ["sunnycat88", "x.kowalska", "a", "k7", "", "anna+shop"])
def test_what_is_not_made_of_the_bearers_name_has_no_style(local: str) -> None:
    assert not style(local, "Anna", "Kowalska")


def identifiers(row: dict[str, str]) -> Iterator[str]:
    yield row["customer_id"]
    yield row["email"].lower()
    yield row["ticket_id"]
    yield re.sub("[^0-9]", "", row["phone"])[-9:]
    yield " ".join(sorted(names.tokens(f"{row['first_name']} {row['last_name']}")))


def test_nothing_of_one_is_anybody_elses(canaries: list[dict[str, str]], real: list[dict[str, str]]) -> None:
    theirs = {mark for row in real for mark in identifiers(row)} - {""}
    mine = [mark for row in canaries for mark in identifiers(row) if mark]
    assert not theirs & set(mine)
    assert len(mine) == len(set(mine))


def test_of_columns_that_are_not_used_only_what_many_share_is_taken(tmp_path: Path) -> None:
    rows = [f"{n},user{n}@post.example,secret {n},gold,{'EN' if n % 3 else 'DE'}" for n in range(200)]
    rows[7] = rows[7].replace("gold", "platinum")
    table = write(tmp_path, "\n".join(["id,email,iban,plan,language", *rows]))
    for row in invented(table):
        assert (row["iban"], row["plan"]) == ("", "gold")
        assert row["language"] in ("DE", "EN")


@pytest.mark.parametrize(
    ("head", "cell", "pattern"),
    [
        ("name", "Kowalska, Anna", r"\S+, \S+"),
        ("name", "Anna Kowalska", r"\S+ \S+"),
        ("Vorname,Name", "Anna,Kowalska", r"\S+"),
    ],
)
def test_names_are_written_as_in_the_table(tmp_path: Path, head: str, cell: str, pattern: str) -> None:
    family = "Berg Brandt Kuhn Vogt Moser Lang Huber Roth Frank Winter".split()
    given_ = "Ina Eva Udo Max Tom Lea Kim Ben Ida Ole".split()
    rows = []
    for n in range(30):
        whole = cell.replace("Anna", given_[n % 10]).replace("Kowalska", family[n // 3])
        rows.append(f"{n},u{n}@post.example," + (f'"{whole}"' if ", " in cell else whole))
    table = write(tmp_path, "\n".join([f"id,email,{head}", *rows]))
    (_, *found) = invent(open_table(table), Wish({"a": 5}), Random(3))
    assert all(re.fullmatch(pattern, row[2 if head == "name" else 3]) for row in found)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("name,email\nAnna Kowalska,a@post.example\n", "no customer ids"),
        ("id,name\n1,Anna Kowalska\n", "a name alone identifies nobody"),
        ("id,email\n", "no row"),
        ("id,email\nA,a@post.example\nB,b@post.example\n", "only 0 of 20 canaries"),
    ],
)
def test_a_table_that_gives_too_little_is_an_error(tmp_path: Path, table: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        invented(write(tmp_path, table))


def test_where_all_have_one_name_so_have_the_canaries(tmp_path: Path) -> None:
    rows = [f"{n},Anna Nowak,user{n}@post.example" for n in range(90)]
    assert {row["name"] for row in invented(write(tmp_path, "\n".join(["id,name,email", *rows])))} == {
        "Anna Nowak"
    }


TEXTS = st.from_regex(r"[A-Z]{0,3}-?[0-9]{1,8}(-[0-9]{1,3})?", fullmatch=True)


@given(st.lists(TEXTS, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_another_number_has_the_shape_of_the_text(texts: list[str], random: Random) -> None:
    numbers = Numbers(texts)
    for text in texts:
        found = numbers.another(text, random)
        assert re.sub("[0-9]", "0", found) == re.sub("[0-9]", "0", text)


def test_a_uuid_stays_one() -> None:
    text = "123e4567-e89b-12d3-a456-426614174000"
    found = Numbers([text]).another(text, Random(1))
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found)
    assert found != text


@settings(max_examples=50)
@given(st.text(max_size=12), st.text(max_size=12), st.randoms(use_true_random=False))
def test_any_name_gives_an_address(given_: str, family: str, random: Random) -> None:
    assert re.fullmatch(
        r"[a-z][a-z._]*[0-9]{2,3}@post\.example", address(given_, family, "post.example", random)
    )


@pytest.mark.parametrize(
    ("number", "like", "expected"),
    [
        ("+12125550123", "(646) 555-0199", "(212) 555-0123"),
        ("+12125550123", "+1 646 555 0199", "+1 212 555 0123"),
        ("+493023125456", "0171/1234-5678", "+493023125456"),
        ("+493023125456", "030 111 22 333", "030 231 25 456"),
    ],
)
def test_a_phone_is_spelt_as_another_one(number: str, like: str, expected: str) -> None:
    assert spelt(number, like) == expected
