"""A folder in which something happened: an index, a ledger, held transfers with sealed bodies."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from exfilter import policy, settings
from exfilter.door.clerk import Clerk
from exfilter.index import build, keys
from exfilter.journal import Journal
from exfilter.ledger import open_ledger
from exfilter.model import Transfer, never
from exfilter.quarantine import Quarantine, generate_reviewer_key
from exfilter.scanner import Scanner
from exfilter.who.pseudonyms import Pseudonyms
from fixtures.customers import Customer, customers, write_csv

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = 600
PASSPHRASE = "seven grey owls"
RULE = '[[rules]]\nname = "many"\ncustomers = 100\naction = "quarantine"\n'
HOSTILE = 'a"><script>document.title="taken"</script>\u202egnp.csv'
PAGE = (
    "<!doctype html><html><body onload=\"document.title='taken'\"><script>fetch('/api/v1/me')</script>"
    "<img src=x onerror=alert(1)><h1>Not yours</h1>"
)


def people() -> list[Customer]:
    return [each for each in islice(customers(PEOPLE), PEOPLE) if each.email]


def template(base: Path) -> Path:
    """Make a folder as ``init`` and ``index build`` leave it, with a passphrase on the private key."""
    folder = base / "config"
    folder.mkdir()
    (folder / settings.FILE).write_text("")
    (folder / "policy.toml").write_text(RULE)
    assert policy.load(folder / "policy.toml")
    generate_reviewer_key(
        folder / "reviewer.key",
        folder / "reviewers.txt",
        recovery=base / "recovery.key",
        passphrase=PASSPHRASE,
    )
    write_csv(base / "customers.csv", PEOPLE)
    key = keys.generate(folder / "index.key")
    build.build(base / "customers.csv", folder / "index", key, build.Options())
    return folder


def copied(made: Path, folder: Path) -> Path:
    shutil.copytree(made, folder)
    return folder


def send(
    folder: Path,
    body: bytes,
    actor: str,
    *,
    ago: float = 0.0,
    where: str = "mail.example",
    name: str = "a.txt",
) -> str:
    """Have a door judge an upload: the id of what is held; empty where it passed."""
    edge = "x-edge"
    form = (
        f'--{edge}\r\nContent-Disposition: form-data; name="f"; filename="'.encode()
        + name.replace('"', '\\"').encode()
        + b'"\r\nContent-Type: text/html\r\n\r\n'
        + body
        + f"\r\n--{edge}--\r\n".encode()
    )
    transfer = Transfer(
        "proxy", form, actor=actor, destination=where, method="POST", url=f"https://{where}/",
        time=time.time() - ago, headers=(("content-type", f"multipart/form-data; boundary={edge}"),),
    )  # fmt: skip
    given = settings.load(folder)
    with (
        Quarantine.open(given.quarantine, given.reviewers) as quarantine,
        closing(open_ledger(given)) as ledger,
    ):
        journal = Journal(given.decisions, Pseudonyms(given.pseudonym_key))
        outcome = Clerk(Scanner(given), quarantine, journal, ledger).judge(transfer, never, time.monotonic())
    assert outcome.recorded
    return outcome.transfer_id


def lines(some: list[Customer]) -> bytes:
    return "\n".join(f"{each.name}, {each.email}" for each in some).encode()


def happened(folder: Path) -> str:
    """Anna sends forty on two days, Boris ten of them; 200 of Cora are held, in a page that is no page."""
    some = people()
    send(folder, lines(some[:30]), "anna", ago=86_400)
    send(folder, lines(some[20:40]), "anna", where="files.example")
    send(folder, lines(some[:10]), "boris")
    body = PAGE.encode() + lines(some[:200])
    held = send(folder, body, "<b>cora</b>", where="up.example", name=HOSTILE)
    assert held
    return held
