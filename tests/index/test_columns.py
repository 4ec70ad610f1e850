"""Columns are recognised by their names, or are what the operator says."""

from __future__ import annotations

import pytest

from exfilter.index.columns import Use, guess, recognise
from exfilter.index.regions import region

KNOWN = {
    Use.ID: "customer_id|CustomerID|id|Kunden-Nr.|Client ID|uuid|account_number",
    Use.EMAIL: "email|E-Mail|e_mail|Mail|Email Address|emailAddress|email1|E-Mail 2|customer.email|Emails",
    Use.PHONE: "phone|Phone (home)|mobile_phone_2|homePhone|Tel.|Telefon privat|Téléphone|handy|电话",
    Use.TICKET: "ticket|ticket_id|Ticket-ID|Case Number|case|support_ticket|工单",
    Use.NAME: "name|Full Name|fullName|Customer Name|display_name|氏名",
    Use.FIRST_NAME: "first_name|firstName|Given Name|Vorname|prénom|First",
    Use.LAST_NAME: "last_name|Surname|Nachname|Family Name|apellidos|Nom",
    Use.COUNTRY: "country|country_code|Land|Pays|countryCode",
}


@pytest.mark.parametrize(
    ("use", "name"), [(use, name) for use, names in KNOWN.items() for name in names.split("|")]
)
def test_names_in_several_languages_are_known(use: Use, name: str) -> None:
    assert guess(name) == use


@pytest.mark.parametrize(
    "name",
    "company name|file_name|username|ticket_status|email_opt_in|phone_type|notes|customer||2024".split("|"),
)
def test_look_alikes_are_left_alone(name: str) -> None:
    assert guess(name) is None


def test_repeated_columns_are_all_used() -> None:
    assert recognise(["email1", "email2", "Phone (home)", "Phone (work)"]).numbers == {
        Use.EMAIL: (0, 1),
        Use.PHONE: (2, 3),
    }


def test_of_several_ids_the_customers_own_is_taken() -> None:
    columns = recognise(["id", "customer_id", "email"])
    assert columns.numbers[Use.ID] == (1,)
    assert columns.unused == (0,)


@pytest.mark.parametrize("name", ["first_name", "last_name", "nombre", "nome"])
def test_half_a_name_alone_is_a_whole_one(name: str) -> None:
    assert recognise([name]).numbers == {Use.NAME: (0,)}


def test_a_given_kind_is_not_looked_for() -> None:
    columns = recognise(["email", "Contact", "phone"], ["email=contact"])
    assert columns.numbers == {Use.EMAIL: (1,), Use.PHONE: (2,)}
    assert columns.unused == (0,)


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("email=Post", "no such column; the table has A, B"),
        ("email", "write KIND=COLUMN"),
        ("mail=A", "one of id, email, phone"),
    ],
)
def test_a_mapping_that_cannot_be_followed_says_why(mapping: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        recognise(["A", "B"], [mapping])


def test_only_one_column_can_be_the_id() -> None:
    with pytest.raises(ValueError, match="only one"):
        recognise(["A", "B", "email"], ["id=A", "id=B"])


def test_a_column_has_one_use() -> None:
    with pytest.raises(ValueError, match="given twice"):
        recognise(["A"], ["email=A", "name=A"])


def test_no_usable_column_names_those_there_are_and_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"the table has Colour, \(column 2\), id: .*--map KIND=COLUMN"):
        recognise(["Colour", "", "id"])


@pytest.mark.parametrize("first", ["anna@post.example", "+1 212 555 0142", "12345678"])
def test_a_first_line_with_data_is_not_quoted(first: str) -> None:
    with pytest.raises(ValueError, match="names of the columns") as refused:
        recognise(["Anna Kowalska", first])
    assert "Kowalska" not in str(refused.value)
    with pytest.raises(ValueError, match="2 columns without names") as refused:
        recognise(["Anna Kowalska", first], ["email=Mail"])
    assert "Kowalska" not in str(refused.value)


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("Germany", "DE"), ("Deutschland", "DE"), ("+49", "DE"), ("49", "DE"),
        ("USA", "US"), ("United States", "US"), ("UK", "GB"), ("Österreich", "AT"), ("Côte d'Ivoire", "CI"),
        ("Czechia", "CZ"), ("nowhere", None), ("00", None), ("999999", None),
    ],
)  # fmt: skip
def test_countries_are_regions_of_the_telephone_network(country: str, code: str | None) -> None:
    assert region(country) == code


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("Nº cliente", Use.ID),
        ("N° client", Use.ID),
        ("Teléfono móvil", Use.PHONE),
        ("N° ticket", Use.TICKET),
        ("Incidencia", Use.TICKET),
        ("Ansprechpartner", Use.NAME),
    ],
)
def test_columns_of_everyday_tables_are_recognised(name: str, use: Use) -> None:
    assert guess(name) is use
