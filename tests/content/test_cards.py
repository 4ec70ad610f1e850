"""Cards, calendars and directories: each card, event and entry is one record in plain text."""

from __future__ import annotations

import base64
import binascii
import textwrap

import pytest

from exfilter.content import cards
from exfilter.limits import Limits
from tests.content.reading import main, parts, reasons, records, texts


def folded(line: str, width: int = 20, end: str = "\r\n") -> str:
    pieces = [line[:width], *textwrap.wrap(line[width:], width - 1, drop_whitespace=False)]
    return (end + " ").join(pieces) + end


def card(number: int, *lines: str) -> str:
    head = ["BEGIN:VCARD", "VERSION:4.0", f"N:Smith{number};Ann;;;", f"FN:Ann Smith{number}"]
    return "".join(folded(line) for line in [*head, f"EMAIL:ann{number}@example.com", *lines, "END:VCARD"])


def test_each_card_is_a_record() -> None:
    found = records(main("".join(card(number) for number in range(30)).encode()))
    assert len(found) == 30
    for number, record in enumerate(found):
        assert f"Ann Smith{number}\r\n" in record
        assert f"ann{number}@example.com\r\n" in record


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\n\r\n"])
def test_line_ends_of_every_kind_are_read(end: str) -> None:
    body = f"BEGIN:VCARD{end}FN:Ann{end}EMAIL:ann.with.a.very.long@ex{end}"
    assert "ann.with.a.very.long@ex" in main(body.encode()).text


def test_folds_are_undone_wherever_they_are() -> None:
    text = card(7, "NOTE:" + "x" * 300 + " bo@example.com")
    for size in range(1, 60):
        blocks = iter([text[at : at + size] for at in range(0, len(text), size)])
        made = "".join(block.text for block in cards.read(blocks))
        assert "x bo@example.com" in made
        assert "EMAIL:ann7@example.com" in made


def test_old_cards_in_quoted_printable_are_read() -> None:
    name = binascii.b2a_qp("Zoë Müller; geb. Åström".encode("iso-8859-1")).decode()
    body = (
        "BEGIN:VCARD\r\nVERSION:2.1\r\n"
        f"N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:{name}\r\n"
        "NOTE;ENCODING=QUOTED-PRINTABLE:first=0D=0A=\r\nsecond=\r\n third =C3=A9\r\n"
        "TEL;CELL:+49 221 5550100\r\nEND:VCARD\r\n"
    )
    (record,) = records(main(body.encode()))
    for word in ("Zoë Müller; geb. Åström", "first second third é", "+49 221 5550100"):
        assert word in record


def test_signs_are_undone() -> None:
    body = "BEGIN:VCARD\nADR:;;Main St 1\\nFlat 2\\, left;K\\;öln\nEND:VCARD\n"
    assert "Main St 1 Flat 2, left;K;öln" in main(body.encode()).text


def test_a_note_begins_no_record() -> None:
    quoted = "NOTE;ENCODING=QUOTED-PRINTABLE:=0ABEGIN:VCARD\n"
    body = f"BEGIN:VCARD\nNOTE:a\\nBEGIN:VCARD\n{quoted}EMAIL:ann@example.com\nEND:VCARD\n"
    assert len(records(main(body.encode()))) == 1


def test_a_file_in_a_card_is_opened() -> None:
    table = "".join(f"Bo{number},bo{number}@example.com\n" for number in range(40)).encode()
    body = card(1, "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(table).decode())
    assert any("bo39@example.com" in text for text in texts(body.encode()).values())


def test_events_are_records_and_alarms_are_none() -> None:
    event = (
        'BEGIN:VEVENT\r\nUID:{0}\r\nATTENDEE;CN="Smith, Ann{0}";ROLE=REQ-PARTICIPANT:mailto\r\n'
        " :ann{0}@example.com\r\nBEGIN:VALARM\r\nACTION:EMAIL\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    )
    events = "".join(event.format(number) for number in range(5))
    head, *found = records(main(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n".encode()))
    assert head.startswith("BEGIN:VCALENDAR")
    assert [f"mailto:ann{number}@example.com" in record for number, record in enumerate(found)] == [True] * 5


@pytest.mark.parametrize("head", ["version: 1\n\n", "# extended LDIF\n#\n# LDAPv3\n\n", ""])
def test_entries_of_a_directory_are_records(head: str) -> None:
    name = base64.b64encode("Zoë Müller".encode()).decode()
    entry = (
        "dn: uid=ann{0},ou=people,dc=example\nobjectClass: person\ncn:: {1}\nmail: ann{0}@exam\n ple.com\n\n"
    )
    body = head + "".join(entry.format(number, name) for number in range(5))
    found = records(main(body.encode()))
    assert [
        f"cn: Zoë Müller\nmail: ann{number}@example.com" in each for number, each in enumerate(found)
    ] == [True] * 5


def test_bytes_in_an_entry_stay_letters() -> None:
    body = "dn: uid=a,dc=example\nmail: a@example.com\nphoto:: /9j/4AAQ\ndn:: !!!\n"
    assert "photo:: /9j/4AAQ\n" in main(body.encode()).text


def test_a_line_without_an_end_is_read() -> None:
    body = b"BEGIN:VCARD\nNOTE:" + b"\n x" * 1_200_000 + b" ann@example.com"
    assert any("ann@example.com" in part.text for part in parts(body, limits=Limits(slice_bytes=1 << 22)))
    assert reasons(body) == []


@pytest.mark.parametrize(
    "body", [b"BEGIN:VERSE\nroses\n", b"begin: 1\n", b"dn = 1\nfn = 2\n", b"versions: 1\n"]
)
def test_what_is_no_card_is_text(body: bytes) -> None:
    assert not cards.recognises(body.decode())
