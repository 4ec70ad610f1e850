"""The incident in small: a copied customer table is held at the proxy, ordinary work goes through.

Makes an invented customer table, keys, policy and index in a temporary folder, starts the proxy and a
far end on loopback, sends with curl over HTTP and HTTPS, and says what happened. Exits with 1 where
anything differs from what must happen.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # behind what is installed: only fixtures/ comes from here

from fixtures.bodies import Body, agent_reply, copied_csv, copied_json, copied_wrapped, page_form  # noqa: E402
from fixtures.customers import COLUMNS, Customer, customers, write_csv  # noqa: E402

CUSTOMERS = 20_000
COPIED = 500
SEED = 2019
HELD, ARRIVED = 403, 200
EVIDENCE = 6
"""Lines of masked evidence that are printed."""
EXFILTER = str(Path(sys.executable).parent / "exfilter")
PATIENCE = 30.0
"""Seconds that a server may take to start, and a message to be counted."""


class Unexpected(Exception):  # noqa: N818 - an event, not a defect of the demo
    """Something happened that must not."""


@dataclass(slots=True)
class FarEnd:
    """The servers behind the proxy: how many bytes arrived, by path."""

    http: int = 0
    https: int = 0
    ca: str = ""
    arrived: dict[str, int] = field(default_factory=dict)

    def read(self, lines: Iterator[str]) -> None:
        """Take what the far end prints, until it ends."""
        for line in lines:
            message = json.loads(line)
            if "path" in message:
                path = message["path"]
                self.arrived[path] = self.arrived.get(path, 0) + message["bytes"]
            else:
                self.http, self.https, self.ca = message["http"], message["https"], message["ca"]

    def url(self, scheme: str, path: str) -> str:
        """Return an address of this far end."""
        return f"{scheme}://localhost:{self.http if scheme == 'http' else self.https}{path}"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one transfer."""

    what: str
    scheme: str
    path: str
    expected: int
    status: int
    transfer: str
    size: int
    arrived: int

    @property
    def right(self) -> bool:
        """Whether all of it arrived, or it was held and not one byte did."""
        if self.expected == ARRIVED:
            return self.status == ARRIVED and self.arrived == self.size
        return self.status == HELD and bool(self.transfer) and self.arrived == 0


@dataclass(slots=True)
class Demo:
    """One run in one folder."""

    folder: Path
    console: Console
    far_end: FarEnd = field(default_factory=FarEnd)
    proxy: str = ""
    authority: Path = Path()
    """What curl trusts."""
    login: tuple[str, ...] = ()
    """How curl logs in to the proxy. Empty: not at all."""
    rows: list[Sent] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration folder."""
        return self.folder / "config"

    def exfilter(self, *arguments: str) -> str:
        """Run the installed command and return what it prints."""
        done = subprocess.run(
            [EXFILTER, *arguments, "--config", str(self.config)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            message = f"exfilter {' '.join(arguments)} exited with {done.returncode}: {done.stderr.strip()}"
            raise Unexpected(message)
        return done.stdout

    def send(self, what: str, scheme: str, arguments: list[str], expected: int, path: str = "") -> Sent:
        """Send one transfer with curl, through the proxy."""
        path = path or f"/{what.replace(' ', '-')}/{scheme}"
        before = self.far_end.arrived.get(path, 0)
        page, headers = self.folder / "answer", self.folder / "headers"
        done = subprocess.run(
            [
                *(
                    "curl",
                    "--silent",
                    "--show-error",
                    "--max-time",
                    "60",
                    "--noproxy",
                    "",
                    "--proxy",
                    self.proxy,
                ),
                *self.login,
                *("--cacert", str(self.authority), "--output", str(page), "--dump-header", str(headers)),
                *("--write-out", "%{http_code} %{size_upload}", *arguments, self.far_end.url(scheme, path)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            message = f"curl exited with {done.returncode}: {done.stderr.strip()}"
            raise Unexpected(message)
        status, size = map(int, done.stdout.split())
        named = re.search(
            r"^X-Exfilter-Transfer: *(\S+)", headers.read_text("latin-1"), re.IGNORECASE | re.MULTILINE
        )
        transfer = named[1] if named else ""
        if status == ARRIVED:
            _await(lambda: self.far_end.arrived.get(path, 0) > before, "the far end to count")
        elif transfer and transfer not in page.read_text("utf-8"):
            message = "the block page does not name the transfer"
            raise Unexpected(message)
        arrived = self.far_end.arrived.get(path, 0) - before
        sent = Sent(what, scheme, path, expected, status, transfer, size, arrived)
        self.rows.append(sent)
        return sent


def _await(ready: Any, what: str) -> None:  # noqa: ANN401 - any callable that says whether it is so
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            message = f"waited {PATIENCE:.0f} seconds for {what}"
            raise Unexpected(message)
        time.sleep(0.02)


@contextmanager
def far_end(demo: Demo) -> Iterator[None]:
    """Run the far end."""
    folder = demo.folder / "far-end"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, str(ROOT / "fixtures" / "farend.py"), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as far:
        threading.Thread(target=demo.far_end.read, args=(far.stdout,), daemon=True).start()
        try:
            _await(lambda: demo.far_end.ca or far.poll() is not None, "the far end")
            yield
        finally:
            far.terminate()


@contextmanager
def door(demo: Demo, *arguments: str) -> Iterator[str]:
    """Run a door of exfilter, and yield the address that it listens on."""
    log = demo.folder / f"{arguments[0]}.log"
    line = [EXFILTER, *arguments, "--listen", "127.0.0.1:0", "--config", str(demo.config)]
    with log.open("w") as out, subprocess.Popen(line, stderr=out, text=True) as process:
        try:
            _await(lambda: "listening on" in log.read_text() or process.poll() is not None, arguments[0])
            if "listening on" not in log.read_text():
                message = f"exfilter {arguments[0]} did not start: {log.read_text().strip()}"
                raise Unexpected(message)
            yield log.read_text().split("listening on ")[1].split()[0]
        finally:
            process.terminate()


@contextmanager
def running(demo: Demo) -> Iterator[None]:
    """Run far end and proxy, and end both."""
    with far_end(demo), door(demo, "proxy", "--upstream-ca", demo.far_end.ca) as demo.proxy:
        demo.authority = demo.config / "proxy-ca" / "mitmproxy-ca-cert.pem"
        yield


def _written(demo: Demo, body: Body) -> list[str]:
    file = demo.folder / body.name
    file.write_bytes(body.data)
    return ["--header", f"Content-Type: {body.content_type}", "--data-binary", f"@{file}"]


def send_all(demo: Demo, people: list[Customer]) -> None:
    """Send what must arrive and what must be held, over HTTP and HTTPS."""
    named = next(customer for customer in people if customer.email and customer.ticket_id)
    copied = people[1_000 : 1_000 + COPIED]
    table = _written(demo, copied_csv(copied))
    uploaded = table[-1].removeprefix("@")
    cases = (
        ("page form", _written(demo, page_form()), ARRIVED),
        ("agent reply", _written(demo, agent_reply(named)), ARRIVED),
        (f"{COPIED} as CSV", table, HELD),
        (f"{COPIED} as JSON", _written(demo, copied_json(copied)), HELD),
        (f"{COPIED} wrapped", _written(demo, copied_wrapped(copied)), HELD),
        (f"{COPIED} as form", ["--form", "comment=hello", "--form", f"file=@{uploaded};type=text/csv"], HELD),
    )  # fmt: skip
    for scheme in ("http", "https"):
        for what, arguments, expected in cases:
            demo.send(what, scheme, arguments, expected)


def _shortened(shown: str) -> str:
    """Leave out all but the first lines of the evidence."""
    lines = shown.splitlines()
    evidence = [number for number, line in enumerate(lines) if line.startswith("evidence")]
    hidden = set(evidence[EVIDENCE:])
    kept = [line for number, line in enumerate(lines) if number not in hidden]
    return "\n".join([*kept, f"({len(hidden)} more lines of evidence)"] if hidden else kept)


def review(demo: Demo, people: list[Customer]) -> None:
    """List the quarantine, show an entry, release it, and let the sender try again twice."""
    held = [sent for sent in demo.rows if sent.expected == HELD]
    listed = json.loads(demo.exfilter("quarantine", "list", "--format", "json"))
    if {entry["id"] for entry in listed} != {sent.transfer for sent in held}:
        message = "the quarantine does not list exactly what was held"
        raise Unexpected(message)
    demo.console.print(Text(demo.exfilter("quarantine", "list").rstrip()), soft_wrap=True)
    first = held[0]
    shown = demo.exfilter("quarantine", "show", first.transfer)
    if any(value in shown for customer in people for value in (customer.email, customer.ticket_id) if value):
        message = "the quarantine shows a customer's value in clear"
        raise Unexpected(message)
    demo.console.print(Text(_shortened(shown)), soft_wrap=True)
    demo.exfilter("quarantine", "release", first.transfer, "--reason", "agreed with the sender")
    again = ["--header", "Content-Type: text/csv", "--data-binary", f"@{demo.folder / 'copied.csv'}"]
    demo.send("retry after release", first.scheme, again, ARRIVED, first.path)
    demo.send("second retry", first.scheme, again, HELD, first.path)


def settle(demo: Demo) -> None:
    """Compare all that ever arrived with what must have: nothing may trickle in later."""
    must: dict[str, int] = {}
    for sent in demo.rows:
        if sent.expected == ARRIVED:
            must[sent.path] = must.get(sent.path, 0) + sent.size
    if demo.far_end.arrived != must:
        message = "the far end has other bytes than those that may have arrived"
        raise Unexpected(message)


def prepare(demo: Demo) -> list[Customer]:
    """Make the table, the configuration folder and the index. Returns the customers."""
    table = demo.folder / "customers.csv"
    write_csv(table, CUSTOMERS, SEED)
    subprocess.run([EXFILTER, "init", str(demo.config)], check=True, stdout=subprocess.DEVNULL)
    demo.console.print(Text(demo.exfilter("index", "build", str(table)).rstrip()), soft_wrap=True)
    return list(customers(CUSTOMERS, SEED))


def report(demo: Demo) -> None:
    """Print what happened to each transfer."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="What happened", title_justify="left")
    for heading in ("sent", "over", "must", "status", "transfer", "bytes sent", "bytes at the far end", ""):
        table.add_column(heading, justify="right" if "bytes" in heading else "left")
    for sent in demo.rows:
        must = "arrive" if sent.expected == ARRIVED else "be held"
        verdict = "as it must" if sent.right else "WRONG"
        numbers = (f"{sent.size:,}", f"{sent.arrived:,}")
        table.add_row(sent.what, sent.scheme, must, str(sent.status), sent.transfer, *numbers, verdict)
    demo.console.print(table)


def run(around: Callable[[Demo], AbstractContextManager[None]]) -> int:
    """Run the demo inside of what makes its proxy run. Returns the exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="exfilter-demo-") as name:
        demo = Demo(Path(name), console)
        try:
            console.print(f"An invented table of {CUSTOMERS:,} customers: {', '.join(COLUMNS)}")
            people = prepare(demo)
            with around(demo):
                send_all(demo, people)
                review(demo, people)
            settle(demo)
        except (Unexpected, RuntimeError, subprocess.CalledProcessError) as error:
            console.print(Text(f"demo: {error}", style="bold red"))
            report(demo)
            return 1
        report(demo)
        wrong = sum(not sent.right for sent in demo.rows)
    seconds = time.monotonic() - began
    if wrong:
        console.print(Text(f"{wrong} of {len(demo.rows)} transfers: not what must happen", style="bold red"))
        return 1
    console.print(f"{len(demo.rows)} transfers, each as it must, in {seconds:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(run(running))
