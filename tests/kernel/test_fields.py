"""Values that stand in several fields of a record, and the field that each stands in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exfilter import kernel
from exfilter.kernel import reference
from exfilter.kernel.tables import APART, LAST_COLUMN, NAME_LOOSE, Matches
from exfilter.model import Int64Array, Kind
from tests.tables import build

Find = Callable[..., Matches]
FINDERS = [reference.find] if kernel.NAME == "reference" else [reference.find, kernel.find]
TABLES, _ = build(
    [
        {
            "name": "Anna Kowalska",
            "email": "anna.k@mail.example",
            "phone": "+49 30 23125117",
            "ticket": "TM-12345678",
        },
        {"name": "Maria Lopez", "phone": "+1 212 555 0142", "ticket": "TM-12345679"},
        {"name": "Sean Berg"},
    ]
)
PHONE = [
    '"030","23125117"',
    "030;2312 5117",
    '"area": "030", "number": "23125117"',
    '"area" : "030" , "number" : "23125117"',
    "+49;30;23125117",
    "+49,030,23125117",
    "0049\t30\t23125117",
    "0049\t\t30\t\t23125117",
    "212,5550142",
    '"212","555-0142"',
    "212|555 0142",
]
NO_PHONE = [
    "030,x,23125117",
    "030\n23125117",
    "30,23125117",
    "123,030,23125117x",
    '"030": "23125117"',
    "112,5550142",
    "+49,30,x,23125117",
    f'"030", "{33 * "k"}": "23125117"',
]
EMAIL = [
    "anna.k,mail.example",
    '"anna.k","mail.example"',
    "mail.example;anna.k",
    '"user": "anna.k", "host": "mail.example"',
    "Anna.K\tMAIL.example",
    "anna.k,@mail.example",
    "anna.k@,mail.example",
    '"anna.k","@","mail.example"',
]
NO_EMAIL = ["anna.k,x,mail.example", "anna.k\nmail.example", "anna.k,mail.example x", "anna.k/mail.example"]
TICKET = ["TM,12345678", '"TM","12345678"', '"prefix": "TM", "number": "12345678"', "TM;1234 5678"]
FIELDS = [
    *((Kind.PHONE, text, True) for text in PHONE),
    *((Kind.PHONE, text, False) for text in NO_PHONE),
    *((Kind.EMAIL, text, True) for text in EMAIL),
    *((Kind.EMAIL, text, False) for text in NO_EMAIL),
    *((Kind.TICKET, text, True) for text in TICKET),
]


def rows(text: str) -> Int64Array:
    """Return where the lines begin."""
    return np.array([0, *(at + 1 for at, sign in enumerate(text) if sign == "\n")], dtype=np.int64)


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize(("kind", "text", "there"), FIELDS)
def test_a_value_is_found_over_fields_beside_each_other(
    find: Find, kind: Kind, text: str, *, there: bool
) -> None:
    assert bool((find(text, TABLES, rows(text)).kind == kind).any()) is there


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("text", ["030;23125117", "212,5550142", "anna.k,mail.example"])
def test_only_records_have_fields(find: Find, text: str) -> None:
    found = find(text, TABLES)
    assert not len(found.start)
    assert not found.candidates.column.any()


def _columns(found: Matches) -> list[tuple[int, int]]:
    judged = found.shape != NAME_LOOSE
    return list(zip(found.kind[judged].tolist(), found.column[judged].tolist(), strict=True))


@pytest.mark.parametrize("find", FINDERS)
def test_each_value_has_the_number_of_its_field(find: Find) -> None:
    text = "x;Anna Kowalska;TM-12345678\nx,y|z\tTM-12345678;Maria Lopez;anna.k@mail.example"
    found = find(text, TABLES, rows(text))
    assert _columns(found) == [
        (Kind.NAME, 2),
        (Kind.TICKET, 3),
        (Kind.TICKET, 3),
        (Kind.TICKET, 4),
        (Kind.TICKET, 4),
        (Kind.NAME, 5),
        (Kind.EMAIL, 0),
    ]


@pytest.mark.parametrize("find", FINDERS)
def test_fields_are_numbered_up_to_the_last(find: Find) -> None:
    text = "," * 1000 + "TM-12345678\n" + "," * (LAST_COLUMN - 2) + "TM-12345678"
    found = find(text, TABLES, rows(text))
    assert found.column.tolist() == [LAST_COLUMN] * 2 + [LAST_COLUMN - 1] * 2


GIVEN_AND_FAMILY = ["Anna,1,a b c d,Kowalska", "Maria,2,e f g h,Lopez", "Sean,3,i j k l,Berg"]


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("turned", [False, True])
def test_names_are_found_in_fields_apart(find: Find, *, turned: bool) -> None:
    lines = [",".join(line.split(",")[::-1]) if turned else line for line in GIVEN_AND_FAMILY]
    text = "\n".join(line.replace(" ", " no ") for line in lines)
    found = find(text, TABLES, rows(text))
    assert _columns(found) == [(Kind.NAME, APART)] * 3


@pytest.mark.parametrize("find", FINDERS)
def test_two_records_do_not_tell_which_fields_hold_names(find: Find) -> None:
    text = "\n".join(line.replace(" ", " no ") for line in GIVEN_AND_FAMILY[:2])
    assert _columns(find(text, TABLES, rows(text))) == []


@pytest.mark.parametrize("find", FINDERS)
def test_candidates_are_distinct_in_each_field(find: Find) -> None:
    text = "TM-12345678,TM-12345678\nTM-12345678,TM-12345678"
    found = find(text, TABLES, rows(text)).candidates
    shapes = [TABLES.shapes[shape].name for shape in found.shape.tolist()]
    assert sorted(zip(shapes, found.column.tolist(), strict=True)) == [
        ("TM-99999999", 1),
        ("TM-99999999", 2),
        ("digits 8", 1),
        ("digits 8", 2),
    ]
