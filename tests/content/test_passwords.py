"""Passwords that are configured, and those that the transfer itself tells."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from exfilter import settings
from exfilter.content.passwords import Passwords, named
from exfilter.limits import Limits
from exfilter.model import Part, Reason, Unscanned
from tests.content.locked import sevenzip, winzip, zipcrypto
from tests.content.reading import items, reasons, texts
from tests.content.test_zips import TABLE, central, patched, zipped

WORD = "Sommer-2024!"
DATA = TABLE.encode()
LOCKED = {
    "zip": zipcrypto(b"a.csv", DATA, WORD),
    "zip as it streams": zipcrypto(b"a.csv", DATA, WORD, followed=True),
    "zip with AES": winzip(b"a.csv", DATA, WORD),
    "7z": sevenzip({"a.csv": DATA}, WORD),
    "7z with its names": sevenzip({"a.csv": DATA}, WORD, names=True),
}


def mail(*parts: bytes) -> bytes:
    return (
        b"".join(b"--XyZ\r\nContent-Type: text/plain\r\n\r\n" + part + b"\r\n" for part in parts)
        + b"--XyZ--\r\n"
    )


@pytest.mark.parametrize("kind", LOCKED)
def test_what_is_encrypted_says_so_and_tells_its_names(kind: str) -> None:
    found = items(LOCKED[kind])
    (left,) = (item for item in found if isinstance(item, Unscanned))
    assert left.reason is Reason.ENCRYPTED
    assert left.bytes >= 100
    names = "".join(item.text for item in found if isinstance(item, Part) and item.path[-1] == "names")
    assert ("a.csv" in names) == (kind != "7z with its names")


@pytest.mark.parametrize("kind", LOCKED)
def test_a_configured_password_opens(kind: str) -> None:
    limits = Limits(passwords=("wrong", WORD))
    assert TABLE in texts(LOCKED[kind], limits=limits).values()
    assert reasons(LOCKED[kind], limits=limits) == []


@pytest.mark.parametrize("kind", LOCKED)
@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
def test_a_password_in_the_same_transfer_opens(kind: str, *, before: bool) -> None:
    note = f"Hello Bo,\nthe password for the list is {WORD}\nBest, Ann\n".encode()
    body = mail(note, LOCKED[kind]) if before else mail(LOCKED[kind], note)
    assert TABLE in texts(body).values()
    assert reasons(body) == []


def test_a_password_in_the_address_or_a_header_opens() -> None:
    assert TABLE in texts(LOCKED["zip"], url=f"https://a.example/up?zip_password={WORD}").values()
    assert TABLE in texts(LOCKED["zip"], (("X-Note", f"pw: {WORD}"),)).values()


def test_a_file_beside_it_opens() -> None:
    body = zipped(("secret.zip", LOCKED["zip with AES"]), ("pw.txt", f"{WORD}\n"))
    assert TABLE in texts(body).values()
    assert reasons(body) == []


def test_a_password_inside_one_opens_the_next() -> None:
    chain = zipped(
        ("b.zip", zipcrypto(b"pw.txt", b"password: second-one", WORD)),
        ("c.zip", zipcrypto(b"a.csv", DATA, "second-one")),
    )
    assert TABLE in texts(mail(chain, f"PW={WORD}".encode())).values()


def test_entries_with_other_passwords_stay_encrypted() -> None:
    body = zipped(("1.zip", LOCKED["zip"]), ("2.zip", zipcrypto(b"b.csv", DATA, "another")))
    found = items(body, limits=Limits(passwords=(WORD,)))
    assert any(item.text == TABLE for item in found if isinstance(item, Part))
    assert [item.part for item in found if isinstance(item, Unscanned)] == [
        'customers.dat > zip "2.zip" > b.csv'
    ]


def test_what_is_encrypted_is_read_once_more_and_not_the_rest() -> None:
    plain = zipped(("b.txt", "plain text beside it"))
    both = plain[: central(plain)] + LOCKED["zip"]
    for body in (both, patched(both, 0, b"PK")):
        found = items(mail(body, f"pw {WORD}".encode()))
        assert sum("plain text beside it" in item.text for item in found if isinstance(item, Part)) <= 2
        assert any(item.text == TABLE for item in found if isinstance(item, Part))


def test_one_byte_of_check_is_no_proof() -> None:
    words = tuple(f"word-{number}" for number in range(700))
    assert reasons(LOCKED["zip"], limits=Limits(passwords=words)) == [Reason.ENCRYPTED]
    assert TABLE in texts(LOCKED["zip"], limits=Limits(passwords=(*words, WORD))).values()


def test_too_much_to_be_kept_is_tried_at_once() -> None:
    body = mail(f"Hello Bo,\n\nhere it is.\npw: {WORD}\n".encode(), LOCKED["zip"])
    limits = Limits(inner_bytes=len(LOCKED["zip"]))
    assert TABLE in texts(body, limits=limits).values()
    late = mail(LOCKED["zip"], f"pw: {WORD}".encode())
    assert reasons(late, limits=limits) == [Reason.ENCRYPTED]


def test_nothing_is_kept_open() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for body in (*LOCKED.values(), mail(LOCKED["zip"], b"pw: x"), gzip.compress(LOCKED["7z"])):
        assert reasons(body) == [Reason.ENCRYPTED]
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208 - the zygote's


@pytest.mark.parametrize(
    "text",
    [
        f"password: {WORD}",
        f"Password = {WORD}.",
        f"The password for the attached file is {WORD}, see you",
        f"Passwort: {WORD}",
        f"Das Kennwort lautet {WORD}.",
        f"mot de passe : {WORD}",
        f"la contraseña es «{WORD}»",
        f"пароль: {WORD}",
        f"密码：{WORD}",
        f'{{"zip_password": "{WORD}"}}',
        f"<pw>{WORD}</pw>",
        f"pw={WORD}&next=1",
        f"PW:\n{WORD}\n",
        f"password {WORD}",
        f"*Password:* {WORD}",
    ],
)
def test_what_stands_behind_a_word_for_it_is_tried(text: str) -> None:
    assert WORD in list(named(text))


def test_words_that_only_contain_one_are_none() -> None:
    assert list(named("a passenger in Pwllheli spawned a compass")) == []


def test_short_texts_are_tried_and_long_ones_are_not() -> None:
    heard = Passwords(("configured",))
    for text in (
        f"{WORD}\n",
        "correct horse battery staple",
        "Hello Bo,\nHunter-22\nsee you later",
        "word\n" * 2000,
    ):
        heard.hear(text)
    assert heard.known() == ("configured", WORD, "correct horse battery staple", "Hunter-22")


def test_a_word_that_looks_like_one_is_tried() -> None:
    heard = Passwords(())
    heard.hear(
        "Hello Bo, see the list of Monday. It opens with Xy7-winter, call 555-0100 or mail A1b@example.com"
    )
    assert heard.known() == ("Xy7-winter",)


def test_strings_of_binary_data_are_not() -> None:
    noise = b"".join(b"\x00\x01%s\x02\xff" % word for word in (b"Xy7-winter", b"password: Ab9-spring")) * 40
    body = mail(noise, zipcrypto(b"a.csv", DATA, "Xy7-winter"))
    assert Reason.ENCRYPTED in reasons(body)


def test_how_many_are_tried_has_an_end() -> None:
    heard = Passwords(())
    for number in range(3000):
        heard.hear(f"password: named-{number}\nline-{number}")
        heard.hear(f"alone-{number}")
    known = heard.known()
    assert len(known) <= 50
    assert "named-0" in known


def test_the_settings_have_passwords_and_do_not_show_them(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text(f'passwords = ["{WORD}"]\n')
    found = settings.load(tmp_path)
    assert found.passwords == (WORD,)
    assert WORD not in repr(found)
