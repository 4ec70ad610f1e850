"""The native reader and plain Python build the same index of any table, to the byte."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exfilter.index import delimited
from exfilter.index.build import Options
from tests.index.making import TABLE, write
from tests.index.reading import Built, built, built_without_native, needs_native, slow_rows

pytestmark = needs_native

WORDS = st.sampled_from(
    "Anna ANNA Łukasz Zoë Kowalska Berg van der Smith O'Hara o’hara's 张伟 张 山田 太郎 김철수 Jo Mc Ina "
    "Dr. Don Müller ßtraße ﬁnn ½ K Ⅷ ﾔﾏﾀﾞ Анна Ольга αβγ ابن नमन n/a Na null unKnown x X. d'Arc's' Jean-Luc "
    "a_b 3rd -".split()
)
BLANKS = st.sampled_from(
    [" ", "  ", ", ", ",", ";", "|", "\t", "\u00a0", "\u2003", "'", "\u0301", "/", "\n", "\x1c"]
)
NAMES = st.lists(st.one_of(WORDS, BLANKS, st.just(" ")), max_size=7).map("".join)
LOCALS = st.sampled_from(
    [
        "a",
        "A.b",
        "a..b",
        ".a.",
        "a+b",
        "a+b+c",
        "+x",
        "o'h",
        "ä",
        "a b",
        "x" * 64,
        "x" * 65,
        "postmaster",
        "",
        "a_-1",
    ]
)
DOMAINS = st.sampled_from(
    [
        "post.example",
        "GMAIL.com",
        "googlemail.com",
        "xn--bcher-kva.example",
        "bücher.example",
        "-a.de",
        "a.de.",
        "localhost",
        "a..b",
        "x_y.de",
        "1.2.3.4",
        "x" * 63 + ".de",
        "exa--mple.com",
        ".a.b.-",
    ]
)
EMAILS = st.one_of(
    st.tuples(LOCALS, st.sampled_from(["@", "@", "@", "@@", " @", ""]), DOMAINS).map("".join),
    st.sampled_from(
        ["n/a", "mailto:a@b.example", "A <a@b.example>", "a@b.example;c@d.example", "a@b.example c@d.example"]
    ),
)
PHONES = st.one_of(
    st.text("0123456789+ ()-./", max_size=20),
    st.sampled_from(
        ["+1 212 555 0142", "(212) 555-0142", "+49 (0)30 23125117", "030 23125117", "0049 30 23125117"]
    ),
    st.sampled_from(
        ["+1 212 555 0142 / +1 212 555 0143", "212-555-0142 x12", "tel:+12125550142", "+390612345678"]
    ),
)
TICKETS = st.one_of(
    st.integers(10**7, 10**8 - 1).map("TM-{}".format),
    st.integers(10**7, 10**8 - 1).map("tm {}".format),
    st.text("tTmM0159 -_./:#or,;é", max_size=12),
    st.just("TM-12345678 or TM-12345679"),
    st.just("TM-12345678 / TM-12345679"),
)
COUNTRIES = st.sampled_from(["", "US", "de", "Germany", "49", "+1", "n/a", "Atlantis", "GB", "IT"])
IDS = st.sampled_from(["", "C-1", "C-2", "n/a", "é", "a b", "-", "0", "\u00a07", "nil"])
CELLS = {
    "id": IDS, "name": NAMES, "email": EMAILS, "phone": PHONES, "ticket": TICKETS, "country": COUNTRIES,
    "unused": st.sampled_from(["", "x", '"', "é"]),
}  # fmt: skip
HALVES = {"id": IDS, "Vorname": NAMES, "Name": NAMES, "Telefon": PHONES, "Land": COUNTRIES}
PAIRS = {"first_name": NAMES, "last_name": NAMES, "mail": EMAILS, "mail 2": EMAILS}
# Of one kind alone there are more rows that Python need not read.
ALONE = [{name: CELLS[name]} for name in ("name", "email", "ticket", "phone")]
TABLES = [
    CELLS,
    HALVES,
    PAIRS,
    {"name": NAMES, "Vorname": NAMES},
    {"phone": PHONES, "land": COUNTRIES},
    *ALONE,
]


@st.composite
def _tables(draw: st.DrawFn) -> bytes:
    cells = draw(st.sampled_from(TABLES))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=draw(st.sampled_from(",;\t|")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerow(cells)
    rows = draw(st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=8))
    for row in rows * draw(st.integers(1, 4)):
        writer.writerow(row.values())
    content = text.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])))
    for place in draw(st.lists(st.integers(0, len(content)), max_size=2)):
        content = (
            content[:place]
            + draw(st.sampled_from([b"", b'"', b"\xff", b"\0", b" ", b"\n", b"\xc2\xa0"]))
            + content[place:]
        )
    return content


@settings(max_examples=150)
@given(_tables(), st.sampled_from(["", "US", "DE"]), st.sampled_from([50, 300, 1 << 14]))
def test_any_table_gives_the_same_index_with_and_without_the_native_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, region: str, stretch: int
) -> None:
    folder = tmp_path_factory.mktemp("both")
    table, options = write(folder, content), Options(region=region, fresh=True, workers=1)
    results: list[Built | str] = []
    with pytest.MonkeyPatch.context() as patch:
        # What is learnt from the rows of one stretch serves the next; and rows go on from one to the next.
        patch.setattr(delimited, "FIRST_STRETCH", stretch)
        patch.setattr(delimited, "STRETCH", stretch)
        for how, where in ((built_without_native, "plain"), (built, "native")):
            try:
                results.append(how(table, folder / where, options))
            except ValueError as error:
                results.append(str(error))
    assert results[0] == results[1]


ODD = (
    "Anna ANNA Łukasz Zoë van der O'Hara o’hara's 张伟 山田 太郎 김철수 Jo Dr. Müller ßtraße ﬁnn Ⅷ ﾔﾏﾀﾞ Анна "
    "αβγ नमन d'Arc's'"
)
PARTS = {
    "name": [*ODD.split(), *[" "] * 20, ",", "-", "\u0301", "n/a", "½", "3", "_", "\u00a0", "."],
    "email": [*"abcXYZ.+-_", "@", "gmail.com", "googlemail.com", "post.example", "xn--a", "é"],
    "phone": [*"0123456789", *"0123456789", " ", "+", "00", "(0)", "-", "/", " / ", "+49", "+1", "+44 "],
    "ticket": [*"0123456789", *"0123456789", "TM", "tm", "TM-", " ", "/", " or ", "#", "é", "A"],
}


@pytest.mark.parametrize("kind", PARTS)
def test_many_random_cells_of_one_kind(tmp_path: Path, kind: str) -> None:
    seeded = random.Random(kind)
    cells = ["".join(seeded.choices(PARTS[kind], k=seeded.randrange(1, 13))) for _ in range(4000)]
    cells += [f"{cell}@{seeded.choice(['gmail.com', 'a.b'])}" for cell in cells if kind == "email"]
    text = io.StringIO()
    csv.writer(text).writerows([[kind, "x"], *((cell, "x") for cell in cells)])
    table = write(tmp_path, text.getvalue())
    plain = built_without_native(table, tmp_path / "plain", Options(region="GB"))
    assert built(table, tmp_path / "native", Options(region="GB")) == plain
    assert slow_rows(table, tmp_path, "GB") <= len(cells) - 100


@pytest.mark.parametrize("name", ["customers.jsonl", "customers.parquet"])
def test_tables_of_other_kinds_too(tmp_path: Path, name: str) -> None:
    rows = list(csv.DictReader(io.StringIO(TABLE))) * 3
    table = tmp_path / name
    if name.endswith("parquet"):
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(rows), table)
    else:
        odd = [{"customer_id": "C-9", "email": ["a@post.example", "b@post.example"]}, {"name": "Two\nLines"}]
        table.write_text("\n".join(map(json.dumps, [*rows, *odd])))
    plain = built_without_native(table, tmp_path / "plain", Options(region="US"))
    assert built(table, tmp_path / "native", Options(region="US")) == plain


SPELLINGS = (
    "+{code}{national}", "+{code} {spaced}", "+{code} (0){national}", "{national}", "0{national}",
    "{prefix}{spaced}", "({prefix}{national})", "00{code}{national}", "{code}{national}", "{code}-{spaced}",
    "011 {code} {national}",
)  # fmt: skip


def test_phones_of_all_countries_are_what_phonenumbers_makes_of_them(tmp_path: Path) -> None:
    seeded = random.Random(2019)
    lines = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        about = phonenumbers.PhoneMetadata.metadata_for_region(region)
        assert about is not None
        assert about.general_desc is not None
        examples = [phonenumbers.example_number_for_type(region, kind) for kind in (0, 1)]
        nationals = [phonenumbers.national_significant_number(number) for number in examples if number]
        lengths = about.general_desc.possible_length
        nationals += ["".join(seeded.choices("0123456789", k=seeded.choice(lengths))) for _ in range(6)]
        for national in nationals:
            spaced = " ".join((national[:2], national[2:5], national[5:])).strip()
            prefix = about.national_prefix or ""
            for spelling in SPELLINGS:
                shown = spelling.format(
                    code=about.country_code, national=national, spaced=spaced, prefix=prefix
                )
                lines.append(f"{shown},{region}")
    seeded.shuffle(lines)
    table = write(tmp_path, "\n".join(["phone,country", *lines, *lines]))
    plain = built_without_native(table, tmp_path / "plain", Options())
    assert built(table, tmp_path / "native", Options()) == plain


def test_plain_rows_are_not_read_by_python(tmp_path: Path) -> None:
    rows = [
        "C-1,Anna Kowalska,anna.kowalska@post.example,+1 212 555 0142,TM-12345678,US",
        'C-2,"Brown, Dr. Henry",H.Brown+x@GMAIL.com,(212) 555-0143,TM 12345679,US',
        "C-3,Ludwig van der Berg,l.berg@post.example,030 23125117,12345680,Germany",
        '"C-4",Łukasz Wiśniewski,"lukasz@post.example",+49 (0)30 23125118,,',
        "C-5,山田 太郎,yamada@post.example,+81 90 1234 5678,,JP",
        "C-6,Анна Ковальская,anna@post.example,,,",
        ",Sean O’Hara's,sean@post.example,020 7946 0123,TM-12345681,GB",
    ]  # fmt: skip
    table = write(tmp_path, "\n".join(["id,name,email,phone,ticket,country", *rows]))
    assert slow_rows(table, tmp_path) == 0
