"""Cells to keys: messy cells are normal, and what cannot be read is counted without being quoted."""

from __future__ import annotations

import pytest

from detectors import emails, names, phones, tickets
from exfilter.index.cells import LONGEST, Reader, values
from exfilter.index.columns import Use, recognise
from exfilter.index.table import Cell


def _reader(*columns: str, region: str = "") -> Reader:
    return Reader(recognise(columns), tickets.learn(["TM-12345678"]), region)


def _keys(reader: Reader, *cells: Cell) -> list[bytes]:
    return [key.canonical for key in reader.keys(cells, 7)]


def _names(reader: Reader, *cells: Cell) -> list[bytes]:
    return [key.canonical for name in reader.names(cells, 7) for key in name.keys]


@pytest.mark.parametrize(
    "cell", ["", " ", "n/a", "NULL", "-", "None", "unknown", "NaN", "\\N", "?", "Not available"]
)
def test_missing_cells_are_no_values(cell: str) -> None:
    for use in Use:
        assert list(values(cell, use)) == []


@pytest.mark.parametrize("name", ["Null", "Na", "Nan"])
def test_people_may_be_called_like_nothing(name: str) -> None:
    assert list(values(name, Use.LAST_NAME)) == [name]


@pytest.mark.parametrize(
    ("use", "cell", "expected"),
    [
        (Use.EMAIL, "a@post.example; b@post.example|c@post.example,\nd@post.example", ["a", "b", "c", "d"]),
        (Use.EMAIL, "Anna, K <a@post.example>; B <b@post.example>", ["a", "b"]),
        (Use.EMAIL, ("a@post.example", " - ", "b@post.example;c@post.example"), ["a", "b", "c"]),
    ],
)
def test_a_cell_may_hold_several_addresses(use: Use, cell: Cell, expected: list[str]) -> None:
    assert list(values(cell, use)) == [f"{local}@post.example" for local in expected]


def test_a_comma_is_part_of_phones_and_names() -> None:
    assert list(values("030 23125117;ext=5; 030 23125118\n030/23125119", Use.PHONE)) == [
        "030 23125117;ext=5", "030 23125118", "030/23125119"
    ]  # fmt: skip
    assert list(values("Kowalska, Anna; Berg, Ina", Use.NAME)) == ["Kowalska, Anna", "Berg, Ina"]


@pytest.mark.parametrize(
    ("cell", "region", "numbers"),
    [
        ("+1 212 555 0142, +1 212 555 0143", "", ["12125550142", "12125550143"]),
        ("0121 496 0123 / 0122 496 0124", "GB", ["441214960123", "441224960124"]),
        ("0121 496 0123 or 0122 496 0124", "GB", ["441214960123", "441224960124"]),
        ("+1 212 555 0142;+1 212 555 0143|+1 212 555 0144\n+1 212 555 0145", "",
         ["12125550142", "12125550143", "12125550144", "12125550145"]),
        ("+49 30 23125117/+49 30 23125118", "", ["493023125117", "493023125118"]),
        ("030 / 23125117", "DE", ["493023125117"]),
        ("001 212 555 0142", "US", ["12125550142"]),
        ("0049 30 23125117", "", ["493023125117"]),
        ("+1 212 555 0142, ext. 5", "", ["12125550142"]),
    ],
)  # fmt: skip
def test_a_cell_may_hold_several_phones(cell: str, region: str, numbers: list[str]) -> None:
    reader = _reader("phone", region=region)
    found = _keys(reader, cell)
    assert [number for number in found if number.startswith(b"+")] == [f"+{n}".encode() for n in numbers]
    assert not reader.left_out.counts


def test_phones_without_a_region_are_not_run_together() -> None:
    reader = _reader("phone")
    assert _keys(reader, "555-0142 / 555-0143") == [b"5550142", b"5550143"]
    assert reader.without_region == 2


def test_a_part_of_a_cell_that_is_no_number_is_counted_and_a_remark_is_not() -> None:
    reader = _reader("phone", region="US")
    assert len(_keys(reader, "(212) 555-0142 or 0143")) == 2
    assert len(_keys(reader, "(212) 555-0142, afternoons")) == 2
    assert reader.left_out.counts == {"phone: not a possible number (a part of the cell)": 1}


def test_a_cell_may_hold_several_tickets_and_addresses_between_blanks() -> None:
    reader = _reader("email", "ticket")
    found = _keys(reader, "Anna a@post.example / b@post.example", "TM-12345678 / TM-12345679")
    assert found == [
        key.canonical
        for key in (
            *emails.keys("a@post.example"),
            *emails.keys("b@post.example"),
            *tickets.keys("TM-12345678", tickets.learn(["TM-12345678"])),
            *tickets.keys("TM-12345679", tickets.learn(["TM-12345678"])),
        )
    ]
    assert reader.tickets(("", "TM-12345678 / TM-12345679")) == ["TM-12345678", "TM-12345679"]


def test_a_cell_that_is_too_long_is_not_read() -> None:
    reader = _reader("id", "email", "phone", "ticket", "name", region="US")
    longest = "a;" * (LONGEST // 2) + "b"
    row = (longest + "b", *[longest + "b"] * 3, "Anna Kowalska")
    assert _keys(reader, *row) == []
    assert reader.customer_id(row) == ""
    assert reader.tickets(row) == []
    assert len(_names(reader, *row)) == 1
    assert reader.left_out.counts == {"longer than 32,767 characters": 4}
    assert len(_keys(reader, "1", longest[:-15] + ";b@post.example", "", "", "")) == 1


def test_keys_are_the_detectors_own() -> None:
    reader = _reader("email", "phone", "ticket", region="US")
    assert _keys(reader, " <H.Brown@Mail.Example> ", "(212) 555-0142", "tm 12345678") == [
        key.canonical
        for key in (
            *emails.keys("h.brown@mail.example"),
            *phones.keys("+1 212 555 0142", None),
            *tickets.keys("TM-12345678", tickets.learn(["TM-12345678"])),
        )
    ]


def test_the_rows_country_goes_before_the_default_region() -> None:
    reader = _reader("phone", "country", region="US")
    assert b"+493023125117" in _keys(reader, "030 23125117", "Germany")
    assert b"+12125550142" in _keys(reader, "(212) 555-0142", "")
    assert b"+12125550142" in _keys(reader, "(212) 555-0142", "Atlantis")
    assert reader.left_out.counts == {"country: not known, default region taken": 1}


def test_numbers_without_any_region_are_counted() -> None:
    reader = _reader("phone")
    assert _keys(reader, "030 23125117") == [b"3023125117"]
    assert reader.without_region == 1


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (("name",), ("Anna Kowalska",)),
        (("name",), ("KOWALSKA, Anna B.",)),
        (("first_name", "last_name"), ("Anna", "Kowalska")),
        (("Vorname", "Name"), ("Anna", "Kowalska")),
        (("Vorname", "Name"), ("Anna", "Anna Kowalska")),
        (("first_name", "last_name", "name"), ("", "", "Anna Kowalska")),
    ],
)
def test_names_in_any_columns_give_the_same_key(columns: tuple[str, ...], cells: tuple[str, ...]) -> None:
    assert _names(_reader(*columns), *cells) == [names.pair("anna", "kowalska")]


def test_what_cannot_be_read_is_counted_by_reason_with_its_first_lines() -> None:
    reader = _reader("email", "phone", "ticket", "name", region="US")
    for line in range(2, 10):
        list(reader.keys(("no address", "12", "###", "x"), line))
        list(reader.names(("no address", "12", "###", "x"), line))
    assert set(reader.left_out.counts.values()) == {8}
    assert set(reader.left_out.counts) == {
        "e-mail: not an address",
        "phone: not a possible number",
        "ticket: no digits",
        "name: too short or no letters",
    }
    assert reader.left_out.lines["e-mail: not an address"] == [2, 3, 4, 5, 6]
