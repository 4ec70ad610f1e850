"""A release lets out what was held and nobody else, whatever its retry carries besides."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from exfilter import settings
from exfilter.door.clerk import Clerk
from exfilter.journal import Journal
from exfilter.ledger import open_ledger
from exfilter.model import Transfer, never
from exfilter.quarantine import Quarantine
from exfilter.scanner import Scanner
from exfilter.who.pseudonyms import Pseudonyms
from tests.review.filled import people, template

if TYPE_CHECKING:
    from pathlib import Path

    from exfilter.door.tasks import Outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("release"))


def addresses(first: int, last: int) -> str:
    return "; ".join(f"a{number}={each.email}" for number, each in enumerate(people()[first:last]))


def sent(folder: Path, first: int, **headers: str) -> Outcome:
    """Have a door judge 120 customers, from one on, with headers."""
    body = "\n".join(f"{each.name},{each.email}" for each in people()[first : first + 120]).encode()
    given = settings.load(folder)
    pairs = (
        ("content-type", "text/plain"),
        *((name.replace("_", "-"), text) for name, text in headers.items()),
    )
    transfer = Transfer(
        "proxy", body, actor="mallory", destination="x.example", method="POST", url="https://x.example/",
        time=time.time(), headers=pairs,
    )  # fmt: skip
    with (
        Quarantine.open(given.quarantine, given.reviewers) as quarantine,
        closing(open_ledger(given)) as ledger,
    ):
        journal = Journal(given.decisions, Pseudonyms(given.pseudonym_key))
        return Clerk(Scanner(given), quarantine, journal, ledger).judge(transfer, never, time.monotonic())


def released(folder: Path, transfer_id: str) -> None:
    given = settings.load(folder)
    with Quarantine.open(given.quarantine) as quarantine:
        quarantine.release(transfer_id, "rita", "an agreed export")


@pytest.mark.parametrize("name", ["cookie", "x_request_id"])
def test_a_retry_with_other_customers_in_a_header_is_held_anew(folder: Path, name: str) -> None:
    first = 0 if name == "cookie" else 130
    held = sent(folder, first)
    released(folder, held.transfer_id)
    other = sent(folder, first, **{name: addresses(300, 399)})
    assert not other.forward
    assert other.transfer_id != held.transfer_id
    assert not sent(folder, first, **{name: addresses(300, 301)}).forward, "not one either"
    with Quarantine.open(settings.load(folder).quarantine) as quarantine:
        assert "than in the first try" in (quarantine.show(held.transfer_id).refused or "")
    assert sent(folder, first, **{name: "s=2"}).forward, "the retry without them still passes"


def test_a_retry_whose_cookie_holds_the_same_customer_passes(folder: Path) -> None:
    own = addresses(400, 401)
    held = sent(folder, 260, cookie=f"{own}; s=1")
    released(folder, held.transfer_id)
    assert not sent(folder, 260, cookie=f"{addresses(401, 402)}; s=2").forward
    assert sent(folder, 260, cookie=f"{own}; s=2").forward


def test_a_token_that_differs_on_each_try_does_not_keep_a_retry(folder: Path) -> None:
    held = sent(folder, 420, authorization="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln", cookie="s=1")
    released(folder, held.transfer_id)
    retry = {"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJiIn0.Z2lz", "cookie": "s=9f8e7d6c5b4a"}
    assert sent(folder, 420, **retry).forward
