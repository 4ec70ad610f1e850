"""What is written in letters and digits is read, wherever it stands in a text."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import csv
import gzip
import io
import json
import random
import string
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.limits import Limits
from exfilter.model import Part, Reason
from tests.content.reading import items, parts, reasons, texts

PLACE = "customers.dat"
PLAIN = "# notes on a case, nothing here\n"
CUSTOMERS = [
    ("Anna", "Kowalska", "anna.kowalska@example.com", "+1 212 555 0142", "TM-20040377"),
    ("Jürgen", "Groß", "j.gross@post.example", "+49 30 23125 117", "TM-20040378"),
    ("Sean", "O'Hara", "sean_ohara+x@example.org", "(212) 555-0143", "TM-20040379"),
    ("Иван", "Петров", "ivan.petrov@example.net", "+7 495 555 01 44", "TM-20040380"),
]
TABLE = "".join(f"{','.join(row)}\n" for row in CUSTOMERS)
VALUES = [value for row in CUSTOMERS for value in row]


def many(count: int = 400) -> str:
    """Return a table of invented customers."""
    return "first,last,mail,phone\n" + "".join(
        f"First{n:05d},Last{n:05d},p{n:05d}@example.com,+1 212 555 {n:04d}\n" for n in range(count)
    )


def noise(size: int) -> str:
    """Return words of figures that do not compress well."""
    chance = random.Random(size)
    return "\n".join(str(chance.getrandbits(50)) for _ in range(size // 8))


def everything(body: bytes | str, **more: object) -> str:
    """Return all texts of a body."""
    data = body.encode() if isinstance(body, str) else body
    return "\n".join(texts(data, **more).values())  # type: ignore[arg-type]


def b64(data: bytes) -> str:
    """Return base64 in one line."""
    return base64.b64encode(data).decode()


ENCODERS: dict[str, Callable[[bytes], str]] = {
    "base64": b64,
    "base64, url-safe": lambda data: base64.urlsafe_b64encode(data).decode(),
    "base64, no padding": lambda data: b64(data).rstrip("="),
    "base64, lines of 76": lambda data: base64.encodebytes(data).decode(),
    "base64, lines of 64 with CRLF": lambda data: wrapped(b64(data), 64, "\r\n"),
    "base64, indented": lambda data: wrapped(b64(data), 60, "\n    "),
    "base64, quoted": lambda data: wrapped(b64(data), 72, "\n> "),
    "base64, a sum of strings": lambda data: wrapped(b64(data), 50, '" +\n  "'),
    "base32": lambda data: base64.b32encode(data).decode(),
    "base32, no padding": lambda data: base64.b32encode(data).decode().rstrip("="),
    "base32, small": lambda data: base64.b32encode(data).decode().lower(),
    "base32hex": lambda data: base64.b32hexencode(data).decode(),
    "hex": lambda data: data.hex(),
    "hex, capital": lambda data: data.hex().upper(),
    "hex, 0x": lambda data: f"0x{data.hex()}",
    "hex, lines of 60": lambda data: wrapped(data.hex(), 60, "\n"),
    "base64 twice": lambda data: b64(b64(data).encode()),
    "base64 of hex": lambda data: b64(data.hex().encode()),
    "hex of base64": lambda data: b64(data).encode().hex(),
    "base64 four times": lambda data: b64(b64(b64(b64(data).encode()).encode()).encode()),
    "base64 of gzip": lambda data: b64(gzip.compress(data)),
    "base64 of zlib": lambda data: b64(zlib.compress(data)),
    "base64 of deflate": lambda data: b64(zlib.compress(data, wbits=-15)),
    "base64 of bzip2": lambda data: b64(bz2.compress(data)),
    "base64 of UTF-16": lambda data: b64(data.decode().encode("utf-16")),
    "base64 of UTF-16LE": lambda data: b64(data.decode().encode("utf-16-le")),
    "base64, backwards": lambda data: b64(data)[::-1],
}


def wrapped(text: str, size: int, mark: str) -> str:
    """Return the text in lines."""
    return mark.join(text[start : start + size] for start in range(0, len(text), size))


WRAPS: dict[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "in prose": lambda text: f"{PLAIN}Please find it here: {text} and tell me.\n{PLAIN}",
    "in JSON": lambda text: json.dumps([{"id": 1, "note": "first"}, {"id": 2, "data": text, "ok": True}]),
    "in a data URL": lambda text: f'<p>see <a href="data:text/plain;base64,{text}">this</a></p>',
    "in XML": lambda text: f"<?xml version='1.0'?><a><b>1</b><b>{text}</b></a>",
    "in a script": lambda text: f"{PLAIN}payload = b'{text}'\n",
}


EVERY_WAY = pytest.mark.parametrize(
    ("encoder", "wrap"),
    [(one, other) for one in ENCODERS for other in WRAPS if "quoted" not in one or other != "in a data URL"],
)


@EVERY_WAY
def test_encoded_customers_are_read(encoder: str, wrap: str) -> None:
    found = everything(WRAPS[wrap](ENCODERS[encoder](TABLE.encode())))
    assert [value for value in VALUES if value not in found] == []


@EVERY_WAY
def test_much_that_is_encoded_is_read(encoder: str, wrap: str) -> None:
    table = many()
    body = WRAPS[wrap](ENCODERS[encoder](table.encode()))
    found = everything(body)
    for n in (0, 1, 77, 398, 399):
        assert f"p{n:05d}@example.com" in found
        assert f"Last{n:05d}" in found


def test_fields_that_are_encoded_each_by_itself_stay_together() -> None:
    rows = [[b64(value.encode()) for value in row] for row in CUSTOMERS]
    text = io.StringIO()
    csv.writer(text).writerows([["first", "last", "mail", "phone", "ticket"], *rows])
    view = next(part for part in parts(text.getvalue().encode()) if part.path == (PLACE, "base64"))
    assert view.records is not None
    assert [line for line in view.text.splitlines() if line] == [",".join(row) for row in CUSTOMERS]
    assert len(view.records) == len(CUSTOMERS)


def test_objects_with_encoded_values_stay_together() -> None:
    rows = [
        {"n": n, "first": b64(row[0].encode()), "mail": b64(row[2].encode())}
        for n, row in enumerate(CUSTOMERS)
    ]
    view = next(part for part in parts(json.dumps(rows).encode()) if part.path == (PLACE, "base64"))
    assert view.records is not None
    bounds = [*view.records.tolist(), len(view.text)]
    for n, row in enumerate(CUSTOMERS):
        assert f'"first": "{row[0]}", "mail": "{row[2]}"' in view.text[bounds[n] : bounds[n + 1]]


def test_a_record_without_encoded_values_is_left_out_of_the_view() -> None:
    rows = [f"{n},{b64(f'p{n}.kowalska@example.com'.encode()) if n % 10 == 0 else 'x'}\n" for n in range(100)]
    view = next(part for part in parts("".join(rows).encode()) if part.path == (PLACE, "base64"))
    assert view.text == "".join(f"{n},p{n}.kowalska@example.com\n" for n in range(0, 100, 10))


@pytest.mark.parametrize("value", ["anna.kowalska@example.com", "Anna Kowalska, +1 212 555 0142"])
def test_what_goes_with_a_request_is_read(value: str) -> None:
    code = b64(value.encode())
    headers = (
        ("Authorization", f"Basic {code}"),
        ("Cookie", f"a=1; session={code}; b=2"),
        ("X-Id", code.rstrip("=")),
    )
    for some in (headers, *((one,) for one in headers)):
        assert value in everything(b"", headers=some)
    for url in (f"path/{code.rstrip('=')}", f"path?q={code}&r=1", f"?{code}"):
        assert value in everything(b"", url=f"https://host.example/{url}")


def test_a_token_of_claims_is_read() -> None:
    claims = json.dumps({"sub": "1", "email": "anna.kowalska@example.com", "name": "Anna Kowalska"})
    token = ".".join(
        base64.urlsafe_b64encode(piece).decode().rstrip("=")
        for piece in (b'{"alg":"HS256","typ":"JWT"}', claims.encode(), random.Random(1).randbytes(32))
    )
    assert claims in everything(b"", headers=(("Authorization", f"Bearer {token}"),))


@pytest.mark.parametrize("junk", ["x", "ab", "abc", "/api/v1/", "user_", "token-", "QQ/", "AAAAAAA"])
def test_letters_before_a_run_do_not_hide_it(junk: str) -> None:
    for text in ("anna.kowalska@example.com", "Anna Kowalska, anna.kowalska@example.com, +1 212 555 0142"):
        assert text[4:] in everything(f"{PLAIN}{junk}{b64(text.encode())}\n")


@pytest.mark.parametrize("junk", ["x", "ab", "abc", "QQ", "AAAAAAA"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_letters_before_a_long_run_do_not_hide_it(junk: str, pack: Callable[[bytes], bytes]) -> None:
    found = everything(f"{PLAIN}{junk}{b64(pack((many() + noise(6000)).encode()))}\n")
    assert "p00399@example.com" in found


@pytest.mark.parametrize("size", [47, 100, 5000])
def test_a_run_in_the_items_of_an_array_is_one(size: int) -> None:
    code = b64(gzip.compress((many() + noise(4000)).encode()))
    pieces = [code[start : start + size] for start in range(0, len(code), size)]
    for text in (json.dumps(pieces), json.dumps(pieces, indent=2), json.dumps({"a": {"b": pieces}})):
        assert "p00399@example.com" in everything(text)


def zipped(data: bytes, name: str = "clients.csv") -> bytes:
    """Return a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def tarred(data: bytes) -> bytes:
    """Return a tar archive that is compressed with bzip2."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:bz2") as archive:
        entry = tarfile.TarInfo("clients.csv")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("pack", [zipped, tarred, gzip.compress, bytes], ids=["zip", "tar", "gzip", "plain"])
@pytest.mark.parametrize(
    "encode",
    [
        b64,
        lambda data: wrapped(b64(data), 76, "\r\n"),
        lambda data: data.hex(),
        lambda data: wrapped(data.hex(), 60, "\n"),
    ],
    ids=["base64", "lines", "hex", "hex lines"],
)
def test_archives_that_are_cut_into_slices_are_whole(
    pack: Callable[[bytes], bytes], encode: Callable[[bytes], str]
) -> None:
    data = (many() + noise(120_000) + "\nlast.one@example.com\n").encode()
    body = f'{{"file": "{encode(pack(data))}", "after": "still.here@example.com"}}'.encode()
    limits = Limits(slice_bytes=1 << 15)
    assert len(body) > 4 << 15
    found = everything(body, limits=limits)
    for value in (
        "p00000@example.com",
        "p00399@example.com",
        "last.one@example.com",
        "still.here@example.com",
    ):
        assert value in found
    assert reasons(body, limits=limits) == []


def test_contents_in_each_other_are_read_as_deep_as_the_limit() -> None:
    data = many().encode()
    for _ in range(3):
        data = b64(gzip.compress(data)).encode()
    assert "p00399@example.com" in everything(data)
    for size in (1, 400):
        data = many(size).encode()
        for _ in range(10):
            data = b64(data).encode()
        assert Reason.OVER_BUDGET in reasons(data)


def test_bytes_that_nobody_knows_are_reported_where_they_are_many() -> None:
    data = random.Random(5).randbytes(20_000)
    found = [item for item in items(json.dumps({"a": b64(data)}).encode()) if not isinstance(item, Part)]
    assert [(item.reason, item.bytes) for item in found] == [(Reason.OPAQUE, 20_000)]
    assert reasons(json.dumps({"a": data.hex()}).encode()) == [Reason.OPAQUE]


def test_tokens_and_digests_are_nothing() -> None:
    chance = random.Random(6)
    lines = [
        *(b64(chance.randbytes(size)) for size in range(8, 200)),
        *(chance.randbytes(size).hex() for size in (16, 20, 28, 32, 48, 64) for _ in range(50)),
        *(str(uuid.UUID(bytes=chance.randbytes(16))) for _ in range(200)),
        *("".join(chance.choices(string.ascii_letters + string.digits, k=40)) for _ in range(200)),
        *("".join(chance.choices("ACGT", k=60)) for _ in range(200)),
        *("".join(chance.choices("ACDEFGHIKLMNPQRSTVWY", k=60)) for _ in range(200)),
        *(
            "get_all_customers_of_the_company",
            "AbstractSingletonProxyFactoryBean",
            "/usr/share/doc/python3/README",
        ),
    ]
    for text in ("\n".join(lines), json.dumps(lines), "\n".join(f"{line}  name.tar.gz" for line in lines)):
        steps = {part.path[1:] for part in parts(text.encode())}
        assert steps <= {(), ("quoted-printable",), ("utf-7",)}
        assert reasons(text.encode()) == []


def test_a_list_of_digests_is_no_content() -> None:
    chance = random.Random(7)
    for size in (16, 20, 32):
        assert reasons("\n".join(chance.randbytes(size).hex() for _ in range(2000)).encode()) == []


def test_the_same_bytes_are_opened_once() -> None:
    code = b64(zipped(many(3).encode()))
    found = parts(f"{PLAIN}{code}\n{PLAIN}{code}\n".encode())
    assert sum("p00002@example.com" in part.text for part in found) == 1


def test_small_contents_are_counted() -> None:
    body = "\n".join(f"{n}: {b64(zipped(f'p{n}@example.com'.encode()))}" for n in range(20)).encode()
    assert Reason.OVER_BUDGET in reasons(body, limits=Limits(small=5))
    assert "p19@example.com" in everything(body)


def dump(data: bytes, size: int, line: Callable[[int, bytes], str]) -> str:
    """Return a dump with so many bytes in a line."""
    return "\n".join(line(at, data[at : at + size]) for at in range(0, len(data), size)) + "\n"


def shown(data: bytes) -> str:
    """Return the column of letters of a dump."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


def grouped(data: bytes, size: int) -> str:
    """Return groups of digits."""
    return " ".join(data[at : at + size].hex() for at in range(0, len(data), size))


def swapped(data: bytes, size: int) -> str:
    """Return words with their last byte first."""
    return " ".join(data[at : at + size].ljust(size, b"\0")[::-1].hex() for at in range(0, len(data), size))


def quoted(byte: int) -> str:
    """Return one byte as od -c shows it."""
    known = {10: r"\n", 13: r"\r", 9: r"\t", 0: r"\0"}
    return f"{known.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f'{byte:03o}'):>4}"


NUMBERS: dict[str, Callable[[bytes], str]] = {
    "spaced": lambda data: data.hex(" "),
    "colons": lambda data: data.hex(":"),
    "hyphens, capital": lambda data: data.hex("-").upper(),
    "pairs of bytes": lambda data: data.hex(" ", 2),
    "0x": lambda data: ", ".join(f"0x{byte:02x}" for byte in data),
    "decimal": lambda data: " ".join(map(str, data)),
    "decimal, commas": lambda data: ",".join(map(str, data)),
    "decimal, zeros": lambda data: ",".join(f"{byte:03d}" for byte in data),
    "decimal, array": lambda data: str(list(data)),
    "decimal, lines": lambda data: "\n".join(map(str, data)),
    "octal": lambda data: " ".join(f"{byte:03o}" for byte in data),
    "binary": lambda data: " ".join(f"{byte:08b}" for byte in data),
    "chr": lambda data: "+".join(f"chr({byte})" for byte in data),
    "fromCharCode": lambda data: f"String.fromCharCode({','.join(map(str, data))})",
    "code points": lambda data: " ".join(f"U+{ord(letter):04X}" for letter in data.decode()),
    "xxd": lambda data: dump(data, 16, lambda at, row: f"{at:08x}: {grouped(row, 2):39}  {shown(row)}"),
    "xxd -c 32": lambda data: dump(data, 32, lambda at, row: f"{at:08x}: {grouped(row, 2):79}  {shown(row)}"),
    "xxd -p": lambda data: wrapped(data.hex(), 60, "\n"),
    "hexdump -C": lambda data: dump(
        data,
        16,
        lambda at, row: f"{at:08x}  {grouped(row[:8], 1):23}  {grouped(row[8:], 1):23}  |{shown(row)}|",
    ),
    "hexdump": lambda data: dump(data, 16, lambda at, row: f"{at:07x} {swapped(row, 2)}"),
    "od -An -tx1": lambda data: dump(data, 16, lambda _, row: f" {grouped(row, 1)}"),
    "od -x": lambda data: dump(data, 16, lambda at, row: f"{at:07o} {swapped(row, 2)}"),
    "od -tx4": lambda data: dump(data, 16, lambda at, row: f"{at:07o} {swapped(row, 4)}"),
    "od -b": lambda data: dump(
        data, 16, lambda at, row: f"{at:07o} {' '.join(f'{byte:03o}' for byte in row)}"
    ),
    "od -c": lambda data: dump(data, 16, lambda at, row: f"{at:07o}{''.join(map(quoted, row))}"),
    "Format-Hex": lambda data: dump(
        data, 16, lambda at, row: f"{at:08X}   {grouped(row, 1).upper():47}  {shown(row)}"
    ),
    "uuencode": lambda data: (
        "begin 644 clients.csv\n"
        + "".join(binascii.b2a_uu(data[at : at + 45]).decode() for at in range(0, len(data), 45))
        + "`\nend\n"
    ),
    "ascii85": lambda data: base64.a85encode(data, adobe=True, wrapcol=72).decode(),
    "ascii85, one line": lambda data: base64.a85encode(data).decode(),
    "base85": lambda data: base64.b85encode(data).decode(),
    "base85 of gzip": lambda data: base64.b85encode(gzip.compress(data)).decode(),
    "hex of gzip, spaced": lambda data: gzip.compress(data).hex(" "),
    "decimal of gzip": lambda data: str(list(gzip.compress(data))),
}


@pytest.mark.parametrize("place", ["alone", "in prose", "in JSON", "behind much"])
@pytest.mark.parametrize("code", NUMBERS)
def test_numbers_and_dumps_are_read(code: str, place: str) -> None:
    rows = 720 if place == "behind much" else 90
    table = "".join(
        f"p{n:05d}@example.com,Annette Kowalska{n},+1 212 555 {n * 37 % 9973:04d}\n" for n in range(rows)
    )
    text = NUMBERS[code](table.encode())
    if place == "in JSON" and code == "ascii85, one line":
        text = f"<~{text}~>"
    body = {
        "alone": text,
        "in prose": f"{PLAIN}\n{text}\n{PLAIN}",
        "in JSON": json.dumps({"note": "see", "dump": text}),
        "behind much": f"{PLAIN * 3000}\n{text}\n{PLAIN * 1000}",
    }[place]
    found = everything(body)
    assert [n for n in range(rows) if f"p{n:05d}@example.com,Annette Kowalska{n}," not in found] == []


def test_z85_and_base45_are_read() -> None:
    digits = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
    data = many(40).encode()
    data += b" " * (-len(data) % 4)
    words = [int.from_bytes(data[at : at + 4]) for at in range(0, len(data), 4)]
    text = "".join(digits[word // 85**place % 85] for word in words for place in range(4, -1, -1))
    assert "p00039@example.com" in everything(f"{PLAIN}{text}\n")
    signs = string.digits + string.ascii_uppercase + " $%*+-./:"
    pairs = [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
    text = "".join(signs[pair // 45**place % 45] for pair in pairs for place in range(3))
    assert "p00039@example.com" in everything(f"{PLAIN}\n{text}\n")


def test_a_number_in_base58_is_read() -> None:
    signs = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(b"Anna Kowalska, anna.kowalska@example.com, +1 212 555 0142"), ""
    while number:
        number, digit = divmod(number, 58)
        text = signs[digit] + text
    assert "anna.kowalska@example.com" in everything(f"{PLAIN}{text}\n")


def yenc(data: bytes) -> bytes:
    """Return a file in yEnc."""
    lines, line = [], b""
    for byte in data:
        code = (byte + 42) & 0xFF
        line += bytes([61, (code + 64) & 0xFF]) if code in (0, 10, 13, 61) else bytes([code])
        if len(line) >= 128:
            lines.append(line)
            line = b""
    head = b"=ybegin line=128 size=%d name=clients.csv" % len(data)
    return b"\r\n".join([head, *lines, line, b"=yend size=%d crc32=00000000" % len(data), b""])


@pytest.mark.parametrize("pack", [bytes, zipped], ids=["plain", "zip"])
def test_yenc_is_undone(pack: Callable[[bytes], bytes]) -> None:
    body = (
        b"Subject: files\r\n\r\n" + yenc(pack((many() + noise(200_000)).encode())) + b"after@example.com\r\n"
    )
    found = everything(body)
    assert "p00399@example.com" in found
    assert "after@example.com" in found
    assert "clients.csv" in found
    assert reasons(body) == []


def test_tables_of_numbers_are_numbers() -> None:
    chance = random.Random(8)
    table = "\n".join(" ".join(f"{chance.randrange(10, 256)}" for _ in range(16)) for _ in range(100))
    rows = json.dumps([[chance.randrange(1000) for _ in range(8)] for _ in range(200)])
    colours = "\n".join(
        f"{chance.randrange(256):3d} {chance.randrange(256):3d} {chance.randrange(256):3d} red"
        for _ in range(300)
    )
    cards = "\n".join(":".join(f"{chance.randrange(256):02x}" for _ in range(6)) for _ in range(300))
    times = "\n".join(
        f"2023-10-04 {n // 60:02d}:{n % 60:02d}:00 192.168.100.{n % 250} 200 {n * 7} 100 200"
        for n in range(400)
    )
    for text in (table, rows, colours, cards, times):
        assert [part.path for part in parts(text.encode())] == [(PLACE,)]
        assert reasons(text.encode()) == []


FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["Anna", "Jürgen", "Zoë", "Иван", "Li"]),
        st.integers(0, 10**6),
        st.text("abcdef.", min_size=3, max_size=9),
    ),
    min_size=1,
    max_size=5,
)


@given(
    FIELDS,
    st.sampled_from(sorted(ENCODERS)),
    st.sampled_from(sorted(ENCODERS)),
    st.sampled_from(sorted(WRAPS)),
)
def test_two_encodings_in_each_other_are_undone(
    rows: list[tuple[str, int, str]], inner: str, outer: str, wrap: str
) -> None:
    values = [f"m{word.strip('.')}{number}@example.com" for _, number, word in rows]
    text = "".join(
        f"{first} Lastname{n};{value}\n"
        for n, ((first, _, _), value) in enumerate(zip(rows, values, strict=True))
    )
    code = ENCODERS[outer](ENCODERS[inner](text.encode()).encode())
    if "quoted" in outer and wrap == "in a data URL":
        wrap = "alone"
    found = everything(WRAPS[wrap](code))
    assert [value for value in values if value not in found] == []


@given(
    st.text(string.ascii_letters + string.digits + '+/=-_ \n",x', max_size=400),
    st.sampled_from([Limits(), Limits(slice_bytes=64, overlap=16)]),
)
def test_no_letters_raise(text: str, limits: Limits) -> None:
    for item in items(text.encode(), limits=limits):
        if isinstance(item, Part) and item.records is not None:
            assert sorted(set(item.records.tolist())) == item.records.tolist()


@pytest.mark.parametrize(
    "junk", [b"\xff" * 1025, random.Random(5).randbytes(1025)], ids=["one byte", "noise"]
)
@pytest.mark.parametrize("size", [48, 76, 1 << 20])
def test_bytes_before_what_is_encoded_do_not_hide_it(junk: bytes, size: int) -> None:
    packed = gzip.compress((many() + noise(6000)).encode())
    assert "p00399@example.com" in everything(wrapped(b64(junk + packed), size, "\n"))


def test_noise_in_short_lines_is_reported() -> None:
    body = wrapped(b64(random.Random(6).randbytes(20_000)), 50, "\n").encode()
    assert reasons(body) == [Reason.OPAQUE]


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "zip": zipped,
}
LITERALS: dict[str, Callable[[bytes], str]] = {
    "a literal of Python": lambda data: f"data = {data!r}",
    "a string of JSON": lambda data: json.dumps({"d": data.decode("latin-1")}),
    "escapes of C": lambda data: 'char d[] = "' + "".join(f"\\x{byte:02x}" for byte in data) + '";',
    "escapes of JavaScript": lambda data: 'd = "' + "".join(f"\\u{byte:04x}" for byte in data) + '";',
    "entities": lambda data: "".join(f"&#{byte};" for byte in data),
    "entities in hex": lambda data: "".join(f"&#x{byte:x};" for byte in data),
    "signed bytes": lambda data: json.dumps([byte - 256 if byte > 127 else byte for byte in data]),
    "a list of hex": lambda data: repr([hex(byte) for byte in data]),
}


@pytest.mark.parametrize("pack", PACKED)
@pytest.mark.parametrize("literal", LITERALS)
def test_what_is_packed_and_written_with_escapes_is_opened(pack: str, literal: str) -> None:
    found = everything(LITERALS[literal](PACKED[pack](many(90).encode())) + "\n")
    assert [n for n in range(90) if f"p{n:05d}@example.com" not in found] == []


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8, 10])
@pytest.mark.parametrize("gap", [" ", "\n"])
def test_letters_in_groups_are_read(size: int, gap: str) -> None:
    for letters in (b64(many(90).encode()), many(90).encode().hex(), b64(gzip.compress(many(90).encode()))):
        found = everything(wrapped(letters, size, gap))
        assert [n for n in range(90) if f"p{n:05d}@example.com" not in found] == []


def test_words_of_a_machine_are_read() -> None:
    data = many(90).encode()
    data += b" " * (-len(data) % 4)
    words = [f"{int.from_bytes(data[at : at + 4], 'little'):08x}" for at in range(0, len(data), 4)]
    lines = [" ".join(words[at : at + 4]) for at in range(0, len(words), 4)]
    assert "p00089@example.com" in everything("\n".join(lines))


@pytest.mark.parametrize("disguise", [lambda text: text[::-1], lambda text: codecs.encode(text, "rot13")])
def test_little_that_is_packed_and_disguised_is_opened(disguise: Callable[[str], str]) -> None:
    letters = b64(gzip.compress(many(40).encode()))
    assert len(letters) < 4096
    assert "p00039@example.com" in everything(disguise(letters))


def test_beginnings_that_are_none_cost_little() -> None:
    assert Reason.OVER_BUDGET in reasons(json.dumps("x\x9c\x00" * 100_000).encode())


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_binary_string_is_opened(ascii_only: bool) -> None:  # noqa: FBT001
    packed = gzip.compress((many() + noise(6000)).encode()).decode("latin-1")
    assert "p00399@example.com" in everything(json.dumps({"a": 1, "b": packed}, ensure_ascii=ascii_only))


def test_plus_signs_of_base64_are_no_utf_7() -> None:
    for seed in range(60):
        rows = random.Random(seed).sample(many(900).splitlines(), 700)
        letters = b64(bz2.compress("\n".join(rows).encode()))
        assert reasons(json.dumps({"note": "see", "file": letters}).encode()) == []


def test_words_of_hexadecimal_letters_are_no_signed_numbers() -> None:
    assert reasons(b"ab,-cd,-ef,-ab,-cd,-ef,-ab,-cd,-ef,-ab\n" * 20) == []
