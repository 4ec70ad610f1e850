"""Messages, mailboxes and saved pages: what they say and what is attached to them."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import mailbox
import os
import random
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from exfilter.content.sandbox.found import Left, Member, Wishes
from exfilter.content.sandbox.host import Sandbox
from exfilter.limits import Limits
from exfilter.model import Part, Reason
from tests.content.reading import items, main, parts, reasons, records, texts

TABLE = b"name,mail\nAnn Smith,ann@example.com\nBo Diaz,bo@example.com\nCy Ott,cy@example.com\n"
HEAD = (
    b"From: Ann <ann@example.com>\r\nTo: bo@example.com\r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMIME-Version: 1.0\r\n"
)


def message(subject: str = "Hello") -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Ann Müller <ann@example.com>"
    made["To"] = "bo@example.com"
    made["Subject"] = subject
    made["Date"] = "Mon, 01 Jan 2024 00:00:00 +0000"
    return made


def everything(body: bytes) -> str:
    return "\n".join(texts(body).values())


def without_strings(body: bytes) -> str:
    return "\n".join(text for place, text in texts(body).items() if "strings" not in place)


def test_header_and_text_are_one_record() -> None:
    mail = message("Grüße aus Köln")
    mail.set_content("Dear Bo,\ncall me: +49 221 5550100\nZoë\n")
    part = main(mail.as_bytes())
    (record,) = records(part)
    for word in ("Ann Müller <ann@example.com>", "Grüße aus Köln", "+49 221 5550100", "Zoë"):
        assert word in record


def test_encoded_words_may_be_cut_within_a_character() -> None:
    word = "Schröder".encode()
    cut = word.index(b"\xc3") + 1
    subject = b" ".join(
        b"=?utf-8?B?" + base64.b64encode(piece) + b"?=" for piece in (b"Herr ", word[:cut], word[cut:])
    )
    body = HEAD + b"Subject: " + subject.replace(b" ", b"\r\n ") + b"\r\n\r\nhi\r\n"
    assert "Subject: Herr Schröder\n" in main(body).text


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        (b"=?iso-8859-2?Q?Micha=B3_Wo=BC?=", "Michał Woź"),
        (b"=?ISO-8859-1*de?q?J=FCrgen?=", "Jürgen"),
        (b'"=?utf-8?q?Zo=C3=AB?=" <z@example.com>', '"Zoë" <z@example.com>'),
        (b"=?nonsense?q?plain?=", "plain"),
        (b"=?utf-8?b?!?=", "=?utf-8?b?!?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
    ],
)
def test_encoded_words_are_undone(word: bytes, meant: str) -> None:
    assert f"\nX-Name: {meant}\n" in main(HEAD + b"X-Name: " + word + b"\r\n\r\nhi\r\n").text


def test_names_of_files_are_read_in_every_spelling() -> None:
    for field, name in (
        (b"filename*=utf-8''Sch%C3%B6n%20Ann.csv", "Schön Ann.csv"),
        (b"filename*0*=utf-8''Sch%C3%B6; filename*1*=n%20Ann; filename*2=.csv", "Schön Ann.csv"),
        (b'filename="=?utf-8?B?U2Now7ZuIEFubi5jc3Y=?="', "Schön Ann.csv"),
    ):
        body = HEAD + b"Content-Disposition: attachment; " + field + b"\r\n\r\n" + TABLE
        assert texts(body)["customers.dat > names"] == f"{name}\n"


def test_attachments_are_read_for_what_they_are() -> None:
    mail = message()
    mail.set_content("see below")
    mail.add_attachment(TABLE, maintype="image", subtype="png", filename="picture.png")
    part = next(part for part in parts(mail.as_bytes()) if "picture.png" in part.provenance)
    assert len(records(part)) == 4


def test_html_is_read_without_its_tags() -> None:
    mail = message()
    mail.set_content("plain")
    mail.add_alternative("<table><tr><td>An<b>n</b> Smith</td></tr></table>", subtype="html")
    assert "Ann Smith" in texts(mail.as_bytes())['customers.dat > mail "text/html"']


def test_messages_inside_messages_are_records_of_their_own() -> None:
    inner, outer = message("the inner one"), message("the outer one")
    inner.set_content("inner text")
    outer.set_content("outer text")
    outer.add_attachment(inner)
    found = records(main(outer.as_bytes()))
    assert ["the outer one" in each for each in found] == [True, False]
    assert ["inner text" in each for each in found] == [False, True]


def test_text_in_its_declared_charset_is_read() -> None:
    for charset, name in (("iso-8859-2", "Michał Woźniak"), ("shift_jis", "山田太郎"), ("utf-16", "Zoë")):
        for disposition in ("inline", "attachment; filename=a.txt"):
            body = (
                HEAD
                + f"Content-Type: text/plain; charset={charset}\r\n".encode()
                + f"Content-Disposition: {disposition}\r\n".encode()
                + b"Content-Transfer-Encoding: base64\r\n\r\n"
                + base64.encodebytes(f"{name}\nann@example.com\n".encode(charset))
            )
            assert name in without_strings(body)


def wrapped(coding: bytes, data: bytes) -> bytes:
    return (
        HEAD
        + b"Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: "
        + coding
        + b"\r\n\r\n"
        + data
    )


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        (b"base64", base64.encodebytes(TABLE)),
        (b"BASE64 ", base64.encodebytes(TABLE).replace(b"\n", b" !\r\n")),
        (b"base64", base64.b64encode(TABLE[:10]) + b"\r\n" + base64.b64encode(TABLE[10:])),
        (b"base64", base64.urlsafe_b64encode(TABLE).rstrip(b"=")),
        (
            b"quoted-printable",
            binascii.b2a_qp(TABLE.replace(b"@", b"\xc3\xa9@")).replace(b"example", b"ex=\r\nample"),
        ),
        (b"base64", TABLE),
        (b"8bit", TABLE),
        (b"x-nobody-knows", TABLE),
    ],
    ids="base64 noisy joined url-safe quoted lie 8bit unknown".split(),
)
def test_transfer_encodings_are_undone(coding: bytes, data: bytes) -> None:
    text = without_strings(wrapped(coding, data))
    assert "@example.com\nCy Ott" in text


def test_words_that_pass_for_base64_are_read() -> None:
    lie = b"Ann Smith\r\ncalled Bo Diaz\r\nabout the order\r\n"
    assert "called Bo Diaz" in everything(wrapped(b"base64", lie))


def test_an_attachment_that_nobody_can_read_is_reported_once() -> None:
    noise = random.Random(2).randbytes(50_000)
    found = items(wrapped(b"base64", base64.encodebytes(noise)))
    left = [(item.reason, item.bytes) for item in found if not isinstance(item, Part)]
    assert left == [(Reason.OPAQUE, 50_000)]


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: text/plain; charset=no-such",
        b"Content-Type: text/plain; charset*=x'y'%ff; charset*0=a; charset*9*=b",
        b"Content-Type: text/plain; charset=punycode",
        b"Content-Type: ;;;=\x00",
        b'Content-Type: multipart/mixed; boundary=""; boundary=' + b"a" * 5000,
        b"Content-Type: message/external-body; boundary*=utf-8'%00%ff",
        b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 8bit",
        b"Content-Disposition: attachment; filename*0*=%; filename*=''",
        b"Subject: =?utf-7?q?+AOk?= =?base64?b?AAAA?= =?hex?q?00?= =?utf-8?b?4?=",
    ],
)
def test_strange_fields_hide_nothing(field: bytes) -> None:
    for name in (b"", b"Content-Disposition: inline; filename=a\r\n"):
        body = HEAD + field + b"\r\n" + name + b"\r\nmail ann.smith@example.com !\r\n"
        assert "ann.smith@example.com" in everything(body)


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 3_000_001])
def test_long_attachments_are_whole(size: int) -> None:
    data = (TABLE * (size // len(TABLE) + 1))[:size]
    for coding, coded in (
        (b"base64", base64.encodebytes(data)),
        (b"quoted-printable", binascii.b2a_qp(data)),
    ):
        member = "".join(
            part.text[4096 * bool(number) :]
            for number, part in enumerate(
                part
                for part in parts(wrapped(coding, coded), limits=Limits(slice_bytes=1 << 30))
                if part.path[1:] == ('mail "a.csv"',)
            )
        )
        assert member.encode() == data


def uuencoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"begin 644 list.csv\n" + b"".join(lines) + b"`\nend\n"


def yencoded(data: bytes) -> bytes:
    out = bytearray()
    for code in data:
        coded = (code + 42) % 256
        out += bytes([0x3D, (coded + 64) % 256]) if coded in b"\x00\n\r=" else bytes([coded])
    lines = b"\r\n".join(bytes(out[at : at + 128]) for at in range(0, len(out), 128))
    return b"=ybegin line=128 size=%d name=list.csv\r\n" % len(data) + lines + b"\r\n=yend size=1\r\n"


@pytest.mark.parametrize(
    "block",
    [
        uuencoded(TABLE),
        uuencoded(TABLE).replace(b"`", b" "),
        b"begin-base64 644 list.csv\n" + base64.encodebytes(TABLE) + b"====\n",
        yencoded(TABLE),
    ],
    ids=["uu", "blanks", "base64", "yenc"],
)
def test_files_in_the_midst_of_a_text_are_opened(block: bytes) -> None:
    body = HEAD + b"\r\nHello,\nhere it is:\n" + block + b"\nbye to bo@example.com\n"
    found = texts(body).values()
    assert any("Bo Diaz,bo@example.com\nCy Ott,cy@example.com\n" in text for text in found)
    assert any("bye to bo@example.com" in text for text in found)
    assert reasons(body) == []


def related(delimiter: bytes, *, closed: bool = True, declared: bytes = b"b1") -> bytes:
    part = b"Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return (
        HEAD
        + b"Content-Type: multipart/mixed; boundary="
        + declared
        + b"\r\n\r\n"
        + b"before@example.com\r\n--"
        + delimiter
        + b"\r\n"
        + part
        + base64.encodebytes(TABLE)
        + (b"\r\n--" + delimiter + b"--\r\nbehind@example.com\r\n" if closed else b"")
    )


@pytest.mark.parametrize(
    "body",
    [
        related(b"b1"),
        related(b"b1", declared=b'"b1"; x=y'),
        related(b"b1", declared=b"other\r\nContent-Type: multipart/mixed; boundary=b1"),
        related(b"b2"),
        related(b"b1", declared=b'""'),
        related(b"b1").replace(b"\r\n", b"\n"),
    ],
    ids="right quoted second wrong none lf".split(),
)
def test_parts_are_found_by_the_boundary_that_is_there(body: bytes) -> None:
    text = without_strings(body)
    for word in ("Cy Ott,cy@example.com", "before@example.com", "behind@example.com"):
        assert word in text
    assert reasons(body) == []


def test_a_multipart_that_does_not_end_is_read() -> None:
    assert "Cy Ott,cy@example.com" in without_strings(related(b"b1", closed=False))


PAGE = """From: <Saved by Blink>
Snapshot-Content-Location: https://crm.example/list
Subject: =?utf-8?Q?Kund=E2=80=93in?=
Date: Mon, 1 Jan 2024 00:00:00 -0000
MIME-Version: 1.0
Content-Type: multipart/related;
\ttype="text/html";
\tboundary="----MultipartBoundary--x----"


------MultipartBoundary--x----
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<table><tr><td class=3D"c">Ann Sm=
ith</td></tr></table>
------MultipartBoundary--x------
"""


def test_a_saved_page_is_read() -> None:
    body = PAGE.replace("\n", "\r\n").encode()
    assert "Ann Smith" in texts(body)['customers.dat > mail "text/html"']


def boxed(folder: Path, count: int) -> bytes:
    box = mailbox.mbox(folder / "box")
    for number in range(count):
        mail = message(f"message {number}")
        mail.set_content(f"To customer {number}\nFrom here on: c{number}@example.com\n")
        box.add(mailbox.mboxMessage(mail))
    box.close()
    return (folder / "box").read_bytes()


def test_each_message_of_a_mailbox_is_a_record(tmp_path: Path) -> None:
    found = records(main(boxed(tmp_path, 50)))
    assert len(found) == 50
    for number, record in enumerate(found):
        assert f"Subject: message {number}\n" in record
        assert f"c{number}@example.com" in record
        assert "\nFrom here on" in record


def test_a_line_that_begins_with_from_ends_no_message() -> None:
    body = (
        b"From ann Mon Jan  1 00:00:00 2024\n"
        + HEAD.replace(b"\r", b"")
        + b"\nI wrote:\nFrom here on\nnothing\n"
    )
    assert len(records(main(body))) == 1


def test_a_big_mailbox_is_read_in_the_memory_of_a_parser(tmp_path: Path) -> None:
    size = 150_000_000
    box = boxed(tmp_path, 40)
    big = related(b"b1").replace(base64.encodebytes(TABLE), base64.encodebytes(bytes(size)))
    file = os.memfd_create("box")
    for piece in (box, b"From ann Mon Jan  1 00:00:00 2024\n", big, b"\n", box):
        os.write(file, piece)
    sandbox = Sandbox(lambda: False)
    records, members = 0, 0
    for found in sandbox.parse("mail", file, Wishes()):
        assert not isinstance(found, Left)
        if isinstance(found, Member):
            members += sum(map(len, found.chunks))
        elif found.records is not None:
            records += len(found.records)
    sandbox.close()
    os.close(file)
    assert (records, members) == (81, size)


def test_attachments_in_archives_in_messages_are_reached() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        mail = message()
        mail.set_content("find me: ann@example.com")
        archive.writestr("a.eml", mail.as_bytes())
    outer = message()
    outer.set_content("x")
    outer.add_attachment(out.getvalue(), maintype="application", subtype="zip", filename="a.zip")
    assert "find me: ann@example.com" in everything(outer.as_bytes())


@pytest.mark.parametrize(
    "kind", [b"message/rfc822\r\n\r\n", b"multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"]
)
def test_depth_has_an_end_that_is_reported(kind: bytes) -> None:
    levels = (kind.replace(b"%d", b"%d" % number) for number in range(3000))
    body = HEAD + b"".join(b"Content-Type: " + level for level in levels) + b"\r\nann.deep@example.com\r\n"
    assert Reason.MALFORMED in reasons(body)
    assert "ann.deep@example.com" in everything(body)


def test_text_with_a_header_in_its_midst_is_text() -> None:
    body = b"Hi,\nsee below\n\n-----Original Message-----\n" + HEAD + b"\r\nAnn Smith\r\n"
    assert texts(body).keys() == {"customers.dat"}


@pytest.mark.parametrize(
    "body",
    [
        b"name: a\nmail: b\n",
        b"From: x\nrest\n",
        b"Date,From,To\n1,2,3\n",
        b'{"From": 1,\n"To": 2}',
        b"From me to you\n",
    ],
)
def test_what_is_no_mail_is_not_taken_for_it(body: bytes) -> None:
    assert not any("mail" in place for place in texts(body))


def sample() -> bytes:
    mail = message("Grüße")
    mail.set_content("Ann Smith\n")
    mail.add_alternative("<p>Bo</p>", subtype="html")
    mail.add_attachment(TABLE, maintype="text", subtype="csv", filename="ä.csv")
    return mail.as_bytes()


def test_mutations_are_read_or_reported() -> None:
    chance = random.Random(7)
    whole = sample()
    for _ in range(60):
        body = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(body))
            body[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
        assert items(bytes(body[: chance.randrange(1, len(body))]))


@pytest.mark.parametrize("charset", [b"", b"; charset=us-ascii", b"; charset=iso-8859-1"])
@pytest.mark.parametrize("length", [10, 9000])
def test_what_follows_the_text_of_a_body_is_opened(charset: bytes, length: int) -> None:
    packed = gzip.compress(b"zoe@example.com,bob@example.com")
    head = b"From: a@b.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain%s\n\n" % charset
    body = head + b"Hello to you.\n" * length + packed
    assert any("zoe@example.com" in text for text in texts(body).values())
