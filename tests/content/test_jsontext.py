"""JSON, by its grammar's words and not by a parser."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.content import jsontext
from exfilter.content.codes import codes
from exfilter.limits import Limits
from exfilter.model import Reason
from tests.content.reading import main, parts, reasons, records, texts


def test_escapes_are_undone_and_pairs_put_together() -> None:
    text = main(rb'{"name": "J\u00fcrgen \ud83d\ude00 \u0041", "p": "a\/b\n\tc \"q\" \\ d\u00"}').text
    assert text == '{"name": "Jürgen 😀 A", "p": "a/b\n\tc "q" \\ d\\u00"}'


def test_half_a_pair_is_a_replacement() -> None:
    assert "a\ufffdb\ufffd" in main(rb'{"x": "a\ud83db\ude00"}').text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('[{"a":1},{"b":[{"c":2}]}]', ['{"a":1},', '{"b":[{"c":2}]}]']),
        ('{"rows":[{"a":1},{"b":2}],"x":{"y":[{"z":3}]}}', ['{"a":1},', '{"b":2}],"x":{"y":[', '{"z":3}]}}']),
        ('{"a":"}{[","l":[{"s":"\\"{"},{"t":1}]}', ['{"s":""{"},', '{"t":1}]}']),
        ('[[{"a":1}],[{"b":2}]]', ['{"a":1}],[', '{"b":2}]]']),
        ('{"rows":[["a",1],["b",2]]}', ['["a",1],', '["b",2]]}']),
        ('{"a":1}\n{"b":[{"c":2}]}\n{"d":3}\n', ['{"a":1}\n', '{"b":[{"c":2}]}\n', '{"d":3}\n']),
        ('[{"a":1},{"b":2},{"c":', ['{"a":1},', '{"b":2},', '{"c":']),
        ('[{"a":1,"a":2},{"b":]}},{"c":3}]', ['{"a":1,"a":2},', '{"b":]}},', '{"c":3}]']),
    ],
    ids=["array", "deep", "strings", "arrays", "rows", "lines", "truncated", "malformed"],
)
def test_records_are_the_objects_of_the_outermost_arrays(body: str, expected: list[str]) -> None:
    assert records(main(body.encode())) == expected


def test_a_single_object_has_no_records() -> None:
    assert main(b'{"name": "Ann", "mail": "ann@example.com"}').records is None


def test_offsets_are_those_of_the_text_without_escapes() -> None:
    rows = [{"name": "Jürgen\n", "n": n, "in": [{"é": 1}]} for n in range(50)]
    found = records(main(json.dumps(rows).encode()))
    assert len(found) == 50
    assert all(row.startswith('{"name": "Jürgen\n", ') for row in found)


def test_json_inside_json_is_unescaped_again() -> None:
    body = json.dumps({"payload": json.dumps({"n": json.dumps({"mail": "jürgen@example.com"})})})
    assert any("jürgen@example.com" in text for text in texts(body.encode()).values())


def test_depth_is_no_recursion() -> None:
    body = b"[" * 200_000 + b'{"mail":"ann@example.com"}'
    assert "ann@example.com" in main(body).text
    assert reasons(body) == []


def test_backslashes_without_end() -> None:
    assert main(b'["' + b"\\" * 1001).text.count("\\") == 501


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), min_size=1, max_size=8))
def test_an_array_of_objects_has_that_many_records(rows: list[dict[str, object]]) -> None:
    part = main(json.dumps(rows).encode())
    assert part.records is not None
    assert len(part.records) == len(rows)
    assert all(part.text[at] == "{" for at in part.records)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), min_size=1, max_size=6),
    st.integers(1, 90),
)
def test_blocks_change_nothing_but_the_cuts(rows: list[dict[str, object]], size: int) -> None:
    text = json.dumps(rows, ensure_ascii=False)
    whole = jsontext.Lexer().block(text)
    cuts = [at for at in range(size, len(text), size) if "\\" not in text[max(0, at - 6) : at]]
    lexer, joined, found = jsontext.Lexer(), "", []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        block = lexer.block(text[start:end])
        found += [] if block.records is None else [int(at) + len(joined) for at in block.records]
        joined += block.text
    assert joined == whole.text
    assert whole.records is not None
    assert found == whole.records.tolist()


def test_more_closing_brackets_than_opening_ones() -> None:
    assert main(b"[{" + b"}" * 9 + b"]]" + b'\n[{"a":1},{"b":2}]').records is not None
    assert jsontext.Lexer().block("}}]").text == "}}]"


@given(st.text())
def test_unescaping_undoes_json_strings(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    assert jsontext.unescaped(json.dumps(clean)[1:-1]) == clean


def test_slices_of_json_hold_whole_records_in_their_overlap() -> None:
    rows = json.dumps([{"name": f"Ann {n}", "mail": f"ann{n}@example.com"} for n in range(2000)])
    found = parts(rows.encode(), limits=Limits(slice_bytes=5000, overlap=300))
    whole = {row for part in found for row in records(part)[:-1]}
    assert {f'{{"name": "Ann {n}", "mail": "ann{n}@example.com"}}, ' for n in range(1999)} <= whole


@given(st.text('{}[]"\\,:u0041\n ', max_size=60))
def test_anything_that_begins_like_json_is_read(text: str) -> None:
    body = ("[{" + text).encode()
    assert Reason.MALFORMED not in reasons(body)
    assert parts(body)


@given(st.lists(st.text('{}[]"\\a\n', max_size=30), min_size=1, max_size=4))
def test_brackets_count_outside_of_strings_only(blocks: list[str]) -> None:
    before = 0
    for text in blocks:
        numbers = codes(text)
        # every second backslash of a run begins an escape
        escaped = [match.start() for match in re.finditer(r"\\.", text, re.DOTALL)]
        marks = jsontext.Marks(numbers, np.array(escaped, dtype=np.int64), before)
        outside, within = [], []
        for at, char in enumerate(text):
            if char == "\n":
                before = 0
            elif char == '"' and at - 1 not in escaped:
                before ^= 1
            elif char in "{}[]" and not before:
                outside.append(at)
            elif char == "\\":
                within.append(bool(before))
        places = np.flatnonzero(numbers == ord("\\"))
        assert marks.brackets().tolist() == outside
        assert marks.within(places).tolist() == within
        assert marks.inside == before


@pytest.mark.parametrize(
    "body",
    [
        """)]}',\n[{"a":1},{"b":2}]""",
        'while(1);[{"a":1},{"b":2}]',
        'for (;;); [{"a":1},{"b":2}]',
        '/**/people.show([{"a":1},{"b":2}]);',
        'window.__STATE__ = [{"a":1},{"b":2}];',
        'export default [\n{"a":1},{"b":2}]',
        '{"a":1}{"b":2}{"c":3}',
        "[{a: 1}, {b: 2}]",
        "{rows: [{'a': 1}, {'b': 2}]}",
    ],
    ids=["angular", "while", "for", "jsonp", "variable", "module", "in a row", "json5", "single quotes"],
)
def test_json_is_json_behind_what_guards_it(body: str) -> None:
    assert len(records(main(body.encode()))) >= 2


@pytest.mark.parametrize(
    "body", ["[Ann] wrote: hello", "{Ann} said", "if (x) { y() }", "foo(bar)", "x = 5\n", "$(document)"]
)
def test_text_with_brackets_is_text(body: str) -> None:
    assert main(body.encode()).records is None


PERSON = '{name: "Ann \\u004cee", mail: "ann@example.com"}'
GRAPHQL = f"mutation Add($phone: String) {{ add(input: [{PERSON}]) {{ id }} }}"


def test_literals_and_variables_of_graphql_are_read() -> None:
    body = json.dumps({"query": GRAPHQL, "variables": {"phone": "+48 123 456 789", "people": [{"n": "Bo"}]}})
    found = "".join(texts(body.encode()).values())
    assert all(word in found for word in ("Ann Lee", "ann@example.com", "+48 123 456 789", '"n": "Bo"'))
    assert "Ann Lee" in "".join(texts(GRAPHQL.encode()).values())


def test_operations_of_a_graphql_batch_are_records() -> None:
    batch = [
        {"query": "mutation ($m: String) { add(m: $m) }", "variables": {"m": f"a{n}@example.com"}}
        for n in range(5)
    ]
    assert len(records(main(json.dumps(batch).encode()))) == 5


def test_a_graphql_upload_is_read() -> None:
    operations = json.dumps(
        {"query": "mutation ($f: Upload!) { a }", "variables": {"f": None, "m": "op@example.com"}}
    )
    fields = {"operations": operations, "map": '{"0": ["variables.f"]}'}
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (k.encode(), v.encode())
        for k, v in fields.items()
    )
    body += b'--b\r\nContent-Disposition: form-data; name="0"; filename="a.csv"\r\n\r\n'
    body += b"a,b\r\n1,2\r\n3,4\r\n--b--\r\n"
    found = texts(body)
    assert any("op@example.com" in text for text in found.values())
    assert any("a.csv" in place for place in found)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_json_in_strings_is_read_some_levels_deep(levels: int) -> None:
    body: object = {"name": "J\u00fcrgen M\u00fcller", "mail": "j@example.com", "note": "a\nb"}
    for _ in range(levels):
        body = {"payload": json.dumps(body)}
    assert any('"Jürgen Müller"' in text for text in texts(json.dumps(body).encode()).values())
