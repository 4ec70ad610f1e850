"""Text in any charset."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.limits import Limits
from exfilter.model import Reason
from tests.content.reading import items, main, parts, reasons, texts

GERMAN = "Jürgen Groß wohnt in Köln, Straße der Einheit; Änderungen für Björn Çelik und Zoë folgen.\n" * 8
RUSSIAN = "Иван Петров живёт в Москве и часто пишет письма своей сестре Анне в Новгород.\n" * 8
JAPANESE = "山田太郎さんは東京に住んでいます。電話番号は秘密です。よろしくお願いします。\n" * 8
GREEK = "Ο Γιώργος Παπαδόπουλος μένει στην Αθήνα και γράφει συχνά στην αδελφή του.\n" * 8


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, GREEK], ids=["de", "ru", "ja", "el"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_with_or_without_a_mark(text: str, charset: str) -> None:
    assert main(text.encode(charset)).text == text


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, GREEK], ids=["de", "ru", "el"])
@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark(text: str, charset: str) -> None:
    assert main(text.encode(charset)).text == text


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_wide_mark_before_plain_text_hides_nothing(mark: bytes) -> None:
    assert "ann@example.com" in main(mark + b"mail ann@example.com, please\n").text


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (GERMAN, "latin-1"),
        (GERMAN, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (GREEK, "iso8859-7"),
    ],
)
def test_a_declared_charset_is_a_hint_that_is_taken(text: str, charset: str) -> None:
    assert main(text.encode(charset), (("Content-Type", f'text/plain; charset="{charset}"'),)).text == text


@pytest.mark.parametrize(
    ("text", "charset"), [(GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (JAPANESE, "shift_jis")]
)
def test_an_undeclared_charset_is_guessed(text: str, charset: str) -> None:
    assert main(text.encode(charset)).text == text


@pytest.mark.parametrize("declared", ["utf-16", "rot13", "hex", "idna", "no-such-charset", "ascii", "\u00e9"])
def test_a_false_charset_changes_nothing(declared: str) -> None:
    headers = (("Content-Type", f"text/plain; charset={declared}"),)
    assert main(GERMAN.encode(), headers).text == GERMAN
    assert main(b"mail ann@example.com\n", headers).text == "mail ann@example.com\n"


@pytest.mark.parametrize("byte", [b"\xff", b"\x80", b"\xc3", b"\x00", b"\x01"])
@pytest.mark.parametrize("rest", ["", GERMAN])
def test_a_single_bad_byte_hides_nothing(byte: bytes, rest: str) -> None:
    body = b"first line\n" + byte + b"ann@example.com " + byte + b"\n" + rest.encode()
    part = main(body)
    assert "ann@example.com" in part.text
    assert rest in part.text
    assert reasons(body) == []


def test_a_latin1_line_in_a_utf8_file_keeps_its_letters() -> None:
    body = GERMAN.encode() + "Änne Müller <aenne@example.com>\n".encode("latin-1") + GERMAN.encode()
    assert "Änne Müller <aenne@example.com>" in main(body).text


def test_text_that_turns_to_utf8_after_a_latin1_beginning_is_read_as_utf8() -> None:
    limits = Limits(slice_bytes=4096, overlap=100)
    body = (GERMAN * 20).encode("latin-1") + (RUSSIAN * 60).encode()
    found = "".join(part.text for part in parts(body, limits=limits))
    assert "Jürgen Groß" in found
    assert "Иван Петров" in found


def test_text_is_composed() -> None:
    decomposed = unicodedata.normalize("NFD", GERMAN)
    assert decomposed != GERMAN
    assert main(decomposed.encode()).text == GERMAN


def test_marks_without_end_do_not_take_quadratic_time() -> None:
    body = ("a" + "\u0301\u0323" * 100_000 + "\nJu\u0308rgen").encode()
    assert main(body).text.endswith("Jürgen")


def test_iso_2022_jp_is_read_although_it_is_ascii() -> None:
    found = texts(("mail: ann@example.com\n" + JAPANESE).encode("iso2022_jp"))
    assert "山田太郎" in found["customers.dat > iso-2022-jp"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_what_goes_in_as_utf8_comes_out(text: str) -> None:
    body = b"# " + text.encode()  # a beginning that is no other format
    assert main(body).text == unicodedata.normalize("NFC", "# " + text)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17E, exclude_categories=["Cc"]), min_size=8))
def test_what_goes_in_as_utf16_comes_out(text: str) -> None:
    for charset in ("utf-16", "utf-16-le", "utf-32-be"):
        assert main(("# name and mail: " + text).encode(charset)).text == "# name and mail: " + text


def test_nothing_is_unscanned_in_text() -> None:
    assert all(reason is not Reason.OPAQUE for reason in reasons(RUSSIAN.encode("koi8-r")))
    assert len(items(b"a")) == 1


ROWS = "".join(f"{n};Jürgen Groß;ann{n}@example.com;(212) 555-01{n % 100:02}\n" for n in range(300))
LIES = [
    "cp037",
    "cp500",
    "cp273",
    "utf-16-le",
    "utf-32-be",
    "utf-7",
    "gbk",
    "big5",
    "shift_jis",
    "johab",
    "hz",
    "euc_kr",
]


@pytest.mark.parametrize("declared", LIES)
@pytest.mark.parametrize(
    "body", [ROWS.encode("latin-1"), b"\xff\n" + ROWS.encode("ascii", "ignore")], ids=["umlauts", "byte"]
)
def test_a_lying_charset_does_not_blind(declared: str, body: bytes) -> None:
    found = texts(body, (("Content-Type", f"text/csv; charset={declared}"),))
    assert any(text.count("@example.com;(212) 555-01") == 300 for text in found.values())


@pytest.mark.parametrize("lead", [b"\xa0", b"\x81", b"\xfe", b"\x8f"])
@pytest.mark.parametrize("declared", ["", "gbk", "big5", "shift_jis", "gb18030"])
def test_bytes_before_letters_do_not_swallow_them(lead: bytes, declared: str) -> None:
    body = b"".join(lead + b"Ann" + lead + b"ann%d@example.com\n" % n for n in range(200))
    found = texts(body, (("Content-Type", f"text/csv; charset={declared}"),))
    assert any(text.count("Ann") == text.count("ann") == 200 for text in found.values())


@pytest.mark.parametrize("charset", ["cp037", "cp500", "cp273", "cp1140"])
@pytest.mark.parametrize("declare", [True, False])
def test_ebcdic_is_read(charset: str, declare: bool) -> None:  # noqa: FBT001
    headers = (("Content-Type", f"text/plain; charset={charset if declare else 'utf-8'}"),)
    found = texts(ROWS.encode(charset), headers)
    assert any(text.count("@example.com") == 300 and "Gro" in text for text in found.values())
    assert reasons(ROWS.encode(charset), headers) == []


def test_ebcdic_lines_between_others_are_read() -> None:
    line = "Ann Lee ann@example.com, 212 555 0100".encode("cp037")
    body = b"".join(b"The quick brown fox jumps over the lazy dog.\n" * 9 + line + b"\n" for _ in range(20))
    assert texts(body)["customers.dat > as cp037"].count("ann@example.com") == 20


def test_a_charset_that_nobody_knows_is_reported() -> None:
    body = ROWS.encode("latin-1").translate(bytes((n * 37 + 11) % 96 + 160 for n in range(256)))
    assert reasons(body) == [Reason.OPAQUE]
    assert parts(body)


@pytest.mark.parametrize(
    ("charset", "people"),
    [
        ("latin-1", ["Zoë Müller", "François Lefèvre", "José Núñez", "Jürgen Groß", "Søren Åkesson"]),
        ("cp1251", ["Анна Ковалева", "Борис Жуков", "Ольга Щукина"]),
    ],
)
def test_names_in_a_table_tell_its_charset(charset: str, people: list[str]) -> None:
    """The ASCII of a table drowned them: Latin-1 was read as Windows-1250."""
    table = "".join(
        f"C-{n:04},{people[n % len(people)]},user{n}@post.example,+1 212 555 0{n}\n" for n in range(100, 160)
    )
    assert parts(table.encode(charset))[0].text == table


def test_long_words_do_not_take_quadratic_time() -> None:
    begun = time.process_time()
    items((b"\xe4\xf6 x\n" + b"x" * 60_000 + b"\n") * 3)
    assert time.process_time() - begun < 3
