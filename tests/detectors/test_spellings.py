"""Each detector's own proof, under the kernel: spellings that must match, look-alikes that must not."""

from __future__ import annotations

import pytest

from detectors import emails, names, phones, tickets
from exfilter import kernel
from exfilter.kernel import reference
from exfilter.model import Kind
from tests.tables import build

FINDERS = [reference.find] if kernel.NAME == "reference" else [reference.find, kernel.find]
SAME = [
    *((Kind.EMAIL, "email", group) for group in emails.SAME),
    *((Kind.PHONE, "phone", group) for group in phones.SAME),
    *((Kind.TICKET, "ticket", group) for group in tickets.SAME),
    *((Kind.NAME, "name", group) for group in names.SAME),
]
LOOKALIKES = [
    *((Kind.EMAIL, "email", pair) for pair in emails.LOOKALIKES),
    *((Kind.PHONE, "phone", pair) for pair in phones.LOOKALIKES),
    *((Kind.TICKET, "ticket", pair) for pair in tickets.LOOKALIKES),
    *((Kind.NAME, "name", pair) for pair in names.LOOKALIKES),
]


def _found(find: object, kind: Kind, field: str, cell: str, text: str) -> bool:
    tables, _ = build([{field: cell}])
    matches = find(text, tables)  # type: ignore[operator]
    return bool((matches.kind == kind).any())


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize(("kind", "field", "group"), SAME)
def test_every_spelling_is_found(find: object, kind: Kind, field: str, group: tuple[str, ...]) -> None:
    missed = [number for number, text in enumerate(group) if not _found(find, kind, field, group[0], text)]
    assert missed == []


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize(("kind", "field", "pair"), LOOKALIKES)
def test_no_lookalike_is_found(find: object, kind: Kind, field: str, pair: tuple[str, str]) -> None:
    assert not _found(find, kind, field, *pair)


@pytest.mark.parametrize("find", FINDERS)
def test_a_match_is_found_inside_a_sentence_and_says_where(find: object) -> None:
    tables, _ = build([{"email": "kai@post.example"}])
    text = "Ärger: schreib an Kai@Post.example, bitte."
    matches = find(text, tables)  # type: ignore[operator]
    assert [text[s:e] for s, e in zip(matches.start, matches.end, strict=True)] == ["Kai@Post.example"]
