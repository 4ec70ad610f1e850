"""Text that somebody changed so that it is not found: a view shows what it was."""

from __future__ import annotations

import codecs
import gzip
import itertools
import json
import random
import re
import string
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.folding import fold
from exfilter.content.disguises import lookalikes, xor
from exfilter.content.glimpse import Glimpse, lines, merged
from exfilter.limits import Limits
from exfilter.model import Part
from tests.content.reading import items, parts, reasons, texts

PLACE = "customers.dat"
_FIRST = "Anna John Maria Peter Sofia Lukas Emma Tomasz Helena Viktor".split()
_LAST = "Kowalska Smith Garcia Miller Rossi Novak Lindqvist Brown Weber Jansen".split()


def people(count: int) -> list[tuple[str, str, str]]:
    """Return first and last names and addresses of invented people."""
    chance = random.Random(count)
    found = []
    for number in range(count):
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        found.append((first, last, f"{first.lower()}.{last.lower()}{number}@example.com"))
    return found


PEOPLE = people(40)
TABLE = "".join(f"{first} {last},{mail},+1 212 555 {n:04d}\n" for n, (first, last, mail) in enumerate(PEOPLE))
NAMES = "".join(f"{first} {last}\n" for first, last, _ in PEOPLE)
LETTER = (
    "Dear colleagues, please find below the customers who have written to us since last week.\n"
    + "".join(f"{first} {last} ({mail}) asked about the ticket.\n" for first, last, mail in PEOPLE)
)
PROSE = (
    "The committee met on Thursday and agreed on the plan for the coming year. Nobody had anything to add, "
    "and the minutes of the previous meeting were approved as they stood.\n"
)


def shifted(by: int) -> Callable[[str], str]:
    """Return what moves letters along the alphabet."""
    small, large = string.ascii_lowercase, string.ascii_uppercase
    table = str.maketrans(small + large, small[by:] + small[:by] + large[by:] + large[:by])
    return lambda text: text.translate(table)


def mapped(letters: str, others: str) -> Callable[[str], str]:
    """Return what replaces letters by others."""
    table = str.maketrans(letters, others)
    return lambda text: text.translate(table)


def by_lines(change: Callable[[str], str]) -> Callable[[str], str]:
    """Return what changes each line."""
    return lambda text: "\n".join(map(change, text.split("\n")))


_SIGNS = "".join(map(chr, range(33, 127)))
_ALPHABET = string.ascii_lowercase + string.ascii_uppercase
ADDRESSES: dict[str, Callable[[str], str]] = {
    "all backwards": lambda text: text[::-1],
    "lines backwards": by_lines(lambda line: line[::-1]),
    "words backwards": lambda text: re.sub(r"\w+", lambda word: word[0][::-1], text),
    "tokens backwards": lambda text: re.sub(r"\S+", lambda word: word[0][::-1], text),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "rot5": shifted(5),
    "rot21": shifted(21),
    "rot47": mapped(_SIGNS, _SIGNS[47:] + _SIGNS[:47]),
    "alphabet backwards": mapped(_ALPHABET, string.ascii_lowercase[::-1] + string.ascii_uppercase[::-1]),
    "letters spaced": by_lines(" ".join),
    "letters dotted": by_lines(".".join),
    "letters with hyphens": by_lines("-".join),
    "letters spaced, words too": by_lines(
        lambda line: "   ".join(" ".join(word) for word in line.split(" "))
    ),
    "at and dot": lambda text: text.replace("@", " at ").replace(".com", " dot com"),
    "at and dot in brackets": lambda text: text.replace("@", " [at] ").replace(".com", " [dot] com"),
    "at and dot in braces": lambda text: text.replace("@", "{at}").replace(".com", "{dot}com"),
    "at and dot with blanks": lambda text: text.replace("@", " @ ").replace(".com", " . com"),
    "Klammeraffe": lambda text: text.replace("@", " (ät) ").replace(".com", " punkt com"),
    "arroba": lambda text: text.replace("@", " arroba ").replace(".com", " punto com"),
    "at in parentheses": lambda text: text.replace("@", "(at)"),
    "AT and DOT": lambda text: text.replace("@", " AT ").replace(".", " DOT "),
    "Cyrillic": mapped(
        "aeocpxyAEOCPXTH",
        "\u0430\u0435\u043e\u0441\u0440\u0445\u0443\u0410\u0415\u041e\u0421\u0420\u0425\u0422\u041d",
    ),
    "Greek": mapped("aoviAEZ", "\u03b1\u03bf\u03bd\u03b9\u0391\u0395\u0396"),
    "Armenian": mapped("ouh", "\u0585\u057d\u0570"),
    "Cherokee": mapped("ADJ", "\u13aa\u13a0\u13ab"),
    "fillers": lambda text: text.replace("a", "a\u3164"),
    "tags": lambda text: "note " + "".join(chr(0xE0000 + ord(c)) if " " <= c <= "~" else c for c in text),
    "shown from right to left": by_lines(lambda line: f"\u202e{line[::-1]}\u202c"),
    "variation selectors": lambda text: (
        "x" + "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in text.encode())
    ),
    "black squares": lambda text: text.upper().translate({65 + n: 0x1F170 + n for n in range(26)}),
    "flags": lambda text: text.upper().translate({65 + n: 0x1F1E6 + n for n in range(26)}),
}
FOLDED: dict[str, Callable[[str], str]] = {
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical": lambda text: text.translate({97 + n: 0x1D41A + n for n in range(26)}),
    "circled": lambda text: text.translate({97 + n: 0x24D0 + n for n in range(26)}),
    "soft hyphens": lambda text: text.replace("a", "a\u00ad"),
    "marks": lambda text: "".join(f"{c}\u0301\u0317\u0334" if c.isalpha() else c for c in text),
    "zero width": lambda text: "".join(f"{c}\u200b" if c.isalpha() else c for c in text),
    "joiners": lambda text: "".join(f"{c}\u2060\u200d" if c.isalpha() else c for c in text),
    "bidirectional": lambda text: "".join(f"\u2066{c}\u2069" if c.isalpha() else c for c in text),
}
BOTH = {**ADDRESSES, **FOLDED}


def folded(body: bytes, limits: Limits = Limits()) -> str:  # noqa: B008 - frozen
    """Return all texts as the kernel sees them."""
    return "\n".join(fold(text) for text in texts(body, limits=limits).values())


def missing(body: str, text: str = TABLE) -> list[str]:
    """Return the addresses of a table that are not found in a body."""
    found = folded(body.encode())
    return [mail for _, _, mail in PEOPLE if mail in text and mail not in found]


@pytest.mark.parametrize("disguise", BOTH)
def test_addresses_in_a_disguise_are_found(disguise: str) -> None:
    assert missing(BOTH[disguise](TABLE)) == []


@pytest.mark.parametrize("disguise", BOTH)
def test_addresses_in_a_disguised_letter_are_found(disguise: str) -> None:
    assert missing(BOTH[disguise](LETTER), LETTER) == []


@pytest.mark.parametrize("disguise", BOTH)
def test_plain_text_around_does_not_hide_a_disguise(disguise: str) -> None:
    assert missing(PROSE * 600 + BOTH[disguise](TABLE * 4) + "\n" + PROSE * 600) == []


@pytest.mark.parametrize("disguise", BOTH)
def test_a_disguise_inside_an_encoding_is_undone(disguise: str) -> None:
    assert (
        missing(json.dumps({"file": codecs.encode(BOTH[disguise](TABLE).encode(), "base64").decode()})) == []
    )


@pytest.mark.parametrize("name", ["all backwards", "lines backwards", "words backwards", "rot13", "rot5"])
def test_names_alone_are_found(name: str) -> None:
    found = folded(ADDRESSES[name](NAMES).encode())
    for first, last, _ in PEOPLE:
        assert fold(f"{first} {last}") in found or fold(f"{last} {first}") in found


@pytest.mark.parametrize("figures", [("oea", "034"), ("oeastbg", "0345789"), ("ei", "31"), ("el", "31")])
def test_letters_written_with_figures_are_read(figures: tuple[str, str]) -> None:
    plain = LETTER.replace("0@", "@").translate(str.maketrans("", "", string.digits))
    found = folded(plain.translate(str.maketrans(*figures)).encode())
    mails = set(re.findall(r"[\w.]+@example\.com", plain))
    assert [mail for mail in mails if mail not in found] == []


def test_a_number_at_the_end_of_a_name_stays() -> None:
    found = folded(LETTER.translate(str.maketrans("oea", "034")).encode())
    assert sum(mail in found for _, _, mail in PEOPLE) >= 0.9 * len(PEOPLE)


def test_records_stay_together_in_a_view() -> None:
    view = next(
        part for part in parts(codecs.encode(TABLE, "rot13").encode()) if part.path == (PLACE, "rot13")
    )
    assert view.text == TABLE
    assert view.records is not None
    assert len(view.records) == len(PEOPLE)


@pytest.mark.parametrize("first", ["rot13", "Cyrillic", "at and dot", "lines backwards"])
@pytest.mark.parametrize("second", ["lines backwards", "letters spaced", "fillers"])
def test_two_disguises_over_each_other_are_undone(first: str, second: str) -> None:
    if first != second:
        assert missing(ADDRESSES[second](ADDRESSES[first](TABLE))) == []


def test_plain_text_has_no_views() -> None:
    program = "def total(rows: list[int]) -> int:\n    return sum(row * 2 for row in rows if row % 3)\n\n"
    log = "2023-10-04T10:10:10Z 192.168.1.20 GET /api/v2/items/83921?page=3 200 1532 0.032\n"
    table = "id,price,amount,country\n" + "".join(f"{n},{n * 7 % 93}.50,{n % 11},DE\n" for n in range(500))
    code = json.dumps(
        [{"id": n, "state": "open", "etag": f"{n * 7919:016x}", "n": [n, n + 1]} for n in range(300)]
    )
    russian = "Комитет собрался в четверг и согласился с планом на следующий год. " * 50
    polish = "Komitet zebrał się w czwartek i zgodził się na plan na następny rok. " * 50
    names = "\n".join(f"{last}, {first}" for first, last, _ in PEOPLE)
    for text in (PROSE * 100, program * 100, log * 200, table, code, russian, polish, names, TABLE, LETTER):
        assert [part.path[1:] for part in parts(text.encode())] == [()]


def test_hidden_letters_fold_to_nothing_or_have_a_view() -> None:
    for code in (
        0xAD,
        0x34F,
        0x61C,
        0x115F,
        0x180E,
        0x200B,
        0x200E,
        0x202A,
        0x2060,
        0x2067,
        0x2800,
        0x3164,
        0xFE0F,
        0xFEFF,
        0xFFA0,
    ):
        body = f"# note\nanna.kow{chr(code)}alska@example.com\n"
        assert "anna.kowalska@example.com" in folded(body.encode())


def test_look_alikes_are_letters_that_fold_to_no_latin() -> None:
    for code, latin in lookalikes.SIMILAR.items():
        assert unicodedata.category(chr(code))[0] == "L"
        assert fold(chr(code)) != latin.lower()


@pytest.mark.parametrize("key", [1, 2, 7, 13, 0x1F, 0x20, 0x2A, 0x40, 0x55, 0x7F, 0x80, 0xAA, 0xC3, 0xFF])
@pytest.mark.parametrize("kind", ["table", "letter", "json", "gzip"])
def test_one_key_over_all_bytes_is_undone(key: int, kind: str) -> None:
    rows = [
        {"id": n, "name": f"{first} {last}", "mail": mail} for n, (first, last, mail) in enumerate(PEOPLE)
    ]
    plain = {
        "table": TABLE.encode(),
        "letter": LETTER.encode(),
        "json": json.dumps(rows).encode(),
        "gzip": gzip.compress(TABLE.encode()),
    }
    body = bytes(byte ^ key for byte in plain[kind])
    found = folded(body)
    assert [mail for _, _, mail in PEOPLE if mail not in found] == []
    assert reasons(body) == []


def test_most_keys_are_found() -> None:
    plain = [TABLE.encode(), LETTER.encode(), gzip.compress(TABLE.encode())]
    found = [xor.key(bytes(byte ^ key for byte in body)) == key for key in range(1, 256) for body in plain]
    assert sum(found) >= 0.98 * len(found)


def test_plain_bytes_have_no_key() -> None:
    chance = random.Random(9)
    bodies = [
        *(chance.randbytes(size) for size in range(50, 3000, 50)),
        *(
            text.encode()
            for text in (TABLE, LETTER, PROSE, "Привет " * 50, "".join(chance.choices(_ALPHABET, k=500)))
        ),
        *(json.dumps({"a": list(range(n))}).encode() for n in range(20, 200, 20)),
        gzip.compress(TABLE.encode()),
        bytes(1000),
    ]
    assert [xor.key(body) for body in bodies] == [0] * len(bodies)


def test_text_that_only_seems_to_have_a_key_is_read_as_it_is() -> None:
    for key in range(1, 256):
        body = bytes(byte ^ key for byte in TABLE[:600].encode())
        if xor.key(body) and not any(byte < 0x20 for byte in body):
            assert any(part.path == (PLACE,) for part in parts(body))


@given(
    st.text(max_size=300),
    st.sampled_from(sorted(BOTH)),
    st.sampled_from([Limits(), Limits(slice_bytes=64, overlap=16)]),
)
def test_no_text_raises(text: str, disguise: str, limits: Limits) -> None:
    for item in items(BOTH[disguise](text).encode("utf-8", "replace"), limits=limits):
        if isinstance(item, Part) and item.records is not None:
            assert sorted(set(item.records.tolist())) == item.records.tolist()


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20)), max_size=10))
def test_stretches_are_merged_to_what_they_cover(spans: list[tuple[int, int]]) -> None:
    ranges = [(start, start + size) for start, size in spans]
    found = merged(ranges)
    assert {at for start, end in ranges for at in range(start, end)} == {
        at for start, end in found for at in range(start, end)
    }
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(found))


def test_windows_lie_where_they_say() -> None:
    text = "".join(f"{n:06d}\n" for n in range(20_000))
    glimpse = Glimpse(text)
    fits = glimpse.where(glimpse.some, lambda window: b"010000" in window)
    assert all(text.index("010000") in range(start, end) for start, end in fits)
    assert lines(text, (10, 20)) == (7, 21)
