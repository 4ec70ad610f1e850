"""The country of each customer: what the column says, else the one that his phones are of."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import numpy as np
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exfilter.index import arrays, manifest, origins, store
from exfilter.index.build import Options
from exfilter.index.manifest import IndexRefused
from exfilter.index.merge import merge
from exfilter.index.store import Index
from exfilter.index.update import Request, update
from exfilter.index.verify import verify
from tests.index.making import key, make, opened, write
from tests.index.reading import built, built_without_native, needs_native


def countries(folder: Path) -> dict[str, str]:
    index = verify(folder / "index", key())
    return dict(zip(index.all_ids(), index.countries(range(index.ordinals)), strict=True))


def test_the_column_says_it_in_any_spelling(tmp_path: Path) -> None:
    rows = [
        "1,a@post.example,de",
        "2,b@post.example,Deutschland",
        "3,c@post.example,+49",
        "4,d@post.example,",
    ]
    rows += ["5,e@post.example,Atlantis", "6,f@post.example,n/a", "7,g@post.example,United Kingdom"]
    make(tmp_path, "\n".join(["id,email,country", *rows, *rows]))
    assert countries(tmp_path) == dict(zip("1234567", ("DE", "DE", "DE", "", "", "", "GB"), strict=True))


def test_without_a_column_the_phones_say_it(tmp_path: Path) -> None:
    rows = {
        "us": "+1 212 555 0142", "ca": "+1 416 555 0142", "bs": "+1 242 555 0142", "de": "030 23125117",
        "gb": "+44 7400 123456", "je": "+44 7797 712345", "kz": "+7 701 234 5678", "ru": "+7 912 345 6789",
        "au": "+61 412 345 678", "pl": "+48 512 345 678; +48 22 234 5678", "nobody": "",
        "several": "+48 512 345 678; +49 30 23125117",
    }  # fmt: skip
    table = "\n".join(["id;phone", *(f'{name};"{phone}"' for name, phone in rows.items())])
    make(tmp_path, table, region="DE")
    unsure = {"nobody": "", "several": ""}
    assert countries(tmp_path) == {name: name.upper() for name in rows} | unsure


def test_the_column_goes_before_the_phones(tmp_path: Path) -> None:
    make(tmp_path, "id,phone,country\n1,+48 512 345 678,DE\n2,+48 512 345 678,\n3,+48 512 345 678,Atlantis\n")
    assert countries(tmp_path) == {"1": "DE", "2": "PL", "3": "PL"}


def test_rows_of_one_customer_that_say_different_things_say_nothing(tmp_path: Path) -> None:
    make(tmp_path, "id,email,country\n1,a@post.example,DE\n1,b@post.example,AT\n2,c@post.example,\n2,,AT\n")
    assert countries(tmp_path) == {"1": "", "2": "AT"}


def test_an_update_says_it_anew_and_who_is_gone_keeps_it(tmp_path: Path) -> None:
    make(tmp_path, "id,email,country\n1,a@post.example,DE\n2,b@post.example,FR\n3,c@post.example,PL\n")
    changes = write(tmp_path, "id,email,country\n1,x@post.example,AT\n4,d@post.example,IT\n", "changes.csv")
    update(tmp_path / "index", key(), Request(changes, write(tmp_path, "2\n", "gone.txt")))
    expected = {"1": "AT", "2": "FR", "3": "PL", "4": "IT"}
    assert countries(tmp_path) == expected
    merge(tmp_path / "index", key())
    assert countries(tmp_path) == expected
    make(tmp_path, "id,email,country\n4,d@post.example,IT\n3,c@post.example,\n")
    assert countries(tmp_path) == expected | {"3": ""}


def downgrade(folder: Path) -> None:
    """Make an index what an exfilter without countries has built."""
    of = store.version(folder / "index", key())
    (of.directory / f"{arrays.COUNTRIES}.npy").unlink()
    files = {name: file for name, file in of.about.arrays.items() if name != arrays.COUNTRIES}
    content, _ = manifest.encode(msgspec.structs.replace(of.about, format=2, arrays=files), key())
    (of.directory / manifest.FILE).write_bytes(content)


def test_an_index_without_countries_is_opened_and_has_them_after_an_update(tmp_path: Path) -> None:
    make(tmp_path, "id,email,country\n1,a@post.example,DE\n2,b@post.example,FR\n")
    downgrade(tmp_path)
    assert countries(tmp_path) == {"1": "", "2": ""}
    changes = write(tmp_path, "id,email,country\n2,b@post.example,FR\n", "changes.csv")
    update(tmp_path / "index", key(), Request(changes))
    assert countries(tmp_path) == {"1": "", "2": "FR"}
    merge(tmp_path / "index", key())
    assert countries(tmp_path) == {"1": "", "2": "FR"}


def test_one_without_countries_is_merged_as_it_is(tmp_path: Path) -> None:
    make(tmp_path, "id,email,country\n1,a@post.example,DE\n")
    update(tmp_path / "index", key(), Request(write(tmp_path, "id,email\n2,b@post.example\n", "more.csv")))
    downgrade(tmp_path)
    merge(tmp_path / "index", key())
    assert countries(tmp_path) == {"1": "", "2": ""}


def test_one_that_says_it_has_none_cannot_lose_them(tmp_path: Path) -> None:
    make(tmp_path)
    of = store.version(tmp_path / "index", key())
    fields = json.loads((of.directory / manifest.FILE).read_bytes())
    (of.directory / manifest.FILE).write_text(json.dumps({**fields, "format": 2}))
    with pytest.raises(IndexRefused, match="MAC does not match"):
        Index.open(tmp_path / "index", key())


def test_ordinals_that_there_are_not_are_an_error(tmp_path: Path) -> None:
    make(tmp_path)
    for wrong in (-1, 4):
        with pytest.raises(IndexError):
            opened(tmp_path).countries([wrong])
    assert opened(tmp_path).countries([]) == []
    assert opened(tmp_path).countries([3, 0, 3]) == ["DE", "US", "DE"]


@needs_native
def test_threads_and_the_native_reader_change_nothing(tmp_path: Path) -> None:
    seeded = random.Random(7)
    said = ["US", "de", "Germany", "", "n/a", "Atlantis", "+1", "GB", " FR ", "\u00a0PL"]
    phones = ["+1 212 555 0142", "+44 7797 712345", "030 23125117", "020 7946 0123", "", "+7 701 234 5678 x1"]
    rows = [f"{n % 2500},{seeded.choice(phones)},{seeded.choice(said)}" for n in range(4000)]
    table = write(tmp_path, "\n".join(["id,phone,country", *rows]))
    plain = built_without_native(table, tmp_path / "plain", Options(region="DE", workers=1))
    for workers in (1, 3):
        found = built(table, tmp_path / f"native{workers}", Options(region="DE", workers=workers))
        assert found == plain


def test_a_head_is_of_the_country_that_phonenumbers_says_or_of_none() -> None:
    seeded = random.Random(19)
    right = wrong = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (0, 1):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            digits = phonenumbers.national_significant_number(example)
            for _ in range(20):
                changed = digits[:-4] + "".join(seeded.choices("0123456789", k=4))
                number = phonenumbers.parse(f"+{example.country_code}{changed}")
                canonical = f"+{example.country_code}{changed}".encode()
                said = origins.letters(
                    int(origins.of_heads(np.array([origins.head(canonical)], np.uint32))[0])
                )
                expected = phonenumbers.region_code_for_number(number)
                if expected is not None and expected != "001":
                    assert said in (expected, ""), region
                    right, wrong = right + (said == expected), wrong + (said == "")
    assert right > 30 * wrong


CODES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 0, 1, 2])), max_size=12)


@given(CODES, st.lists(st.integers(0, 9), max_size=8))
@settings(max_examples=200)
def test_customers_have_what_their_rows_agree_on(rows: list[tuple[int, int]], before: list[int]) -> None:
    ordinal = np.array([who for who, _ in rows], dtype=np.uint32)
    codes = np.array([said for _, said in rows], dtype=np.uint16)
    count = max(6, len(before))
    found = origins.of_customers(count, ordinal, codes, np.array(before, dtype=np.uint16))
    for who in range(count):
        said = {each for whose, each in rows if whose == who and each}
        here = any(whose == who for whose, _ in rows)
        kept = before[who] if who < len(before) else 0
        assert found[who] == ((said.pop() if len(said) == 1 else 0) if here else kept)
