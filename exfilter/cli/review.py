"""``exfilter review``: the reviewers' desk in the browser, and who may use it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exfilter.cli.doors import address
from exfilter.cli.formats import printable
from exfilter.cli.quarantine import WIDE, As, Folder, Format, Reviewer, os_user
from exfilter.review import roles

if TYPE_CHECKING:
    from exfilter.review.recorded import Record
    from exfilter.review.register import Register
    from exfilter.settings import Settings

EXTRA = (
    "fastapi",
    "uvicorn",
    "jinja2",
    "python_multipart",
    "itsdangerous",
    "authlib",
    "argon2",
    "limits",
    "httpx2",
)
"""What the extra brings."""

_HOW: dict[str, Any] = {
    "add_completion": False,
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}
app = typer.Typer(**_HOW | {"no_args_is_help": False})
user = typer.Typer(**_HOW, help="Say who may: accounts and their roles.")
token = typer.Typer(**_HOW, help="Tokens for programs that call the API.")
app.add_typer(user, name="user")
app.add_typer(token, name="token")

Name = Annotated[str, typer.Argument(help="The account.", metavar="NAME", show_default=False)]
Known = Annotated[roles.Role, typer.Option(help="What they may.")]
Secret = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="File whose first line is the password; - reads it from standard input. "
        "Default: it is asked for, twice.",
    ),
]  # fmt: skip


@app.callback(invoke_without_command=True)
def review(
    context: typer.Context,
    config: Folder = Path(),
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one.")
    ] = "127.0.0.1:8600",
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file of its certificate: speak TLS.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file of the certificate's key.")
    ] = None,
    behind_tls_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a proxy in front that speaks TLS; it says who its clients are, and nobody else "
            "is served.",
        ),
    ] = None,
) -> None:
    """Review what was held in the browser.

    Prints its address on standard error, and runs until it is interrupted. Beyond this machine it listens
    only with TLS, its own or that of a proxy in front.
    """
    if context.invoked_subcommand:
        if config != Path():
            msg = "--config goes behind the command, as in exfilter review user list --config DIR"
            raise ValueError(msg)
        return
    from exfilter.door.logs import logger

    given = _settings(config)
    from exfilter.review.served import Served
    from exfilter.review.serving import serve

    host, port = address(listen)
    served = Served(host, port, given.review_hosts, certificate, key, tuple(behind_tls_proxy or ()))
    _check_somebody_may(given)
    serve(given, served, logger())


@user.command("list")
def list_(format: As = Format.TABLE, config: Folder = Path()) -> None:  # noqa: A002 - the option's name
    """List the accounts."""
    with _register(config) as (register, _):
        rows = [
            {"name": each.name, "role": each.role, "disabled": each.disabled,
             "login": "openid" if each.outside else "password", "made": _time(each.made)}
            for each in register.accounts.listed()
        ]  # fmt: skip
    _print(rows, format)


@user.command()
def add(
    name: Name, role: Known, reviewer: Reviewer, password_file: Secret = None, config: Folder = Path()
) -> None:
    """Make an account. Its password is asked for, or read from a file; it is never an option."""
    from exfilter.review import recorded
    from exfilter.review.accounts import unused

    with _register(config) as (register, record):
        from exfilter.quarantine import OS

        known, password = unused(name), _password(password_file)
        _do(
            record,
            reviewer,
            recorded.ADD,
            known,
            f"as {role}",
            lambda: register.accounts.add(known, role, password, OS + os_user()),
        )
    typer.echo(f"{known} added as {role}")


@user.command()
def role(
    name: Name, role: Annotated[roles.Role, typer.Argument()], reviewer: Reviewer, config: Folder = Path()
) -> None:
    """Give an account another role; it is logged out."""
    from exfilter.review import recorded

    with _register(config) as (register, record):
        known = register.accounts.get(name).name
        _do(
            record,
            reviewer,
            recorded.ROLE,
            known,
            f"to {role}",
            lambda: register.accounts.set_role(known, role),
        )
    typer.echo(f"{known} is {role} now")


@user.command()
def password(name: Name, reviewer: Reviewer, password_file: Secret = None, config: Folder = Path()) -> None:
    """Give an account another password; it is logged out."""
    from exfilter.review import recorded

    with _register(config) as (register, record):
        from exfilter.quarantine import OS

        known, new = register.accounts.get(name).name, _password(password_file)
        _do(
            record,
            reviewer,
            recorded.PASSWORD,
            known,
            "",
            lambda: register.accounts.set_password(known, new, OS + os_user()),
        )
    typer.echo(f"{known} has a new password")


@user.command()
def disable(name: Name, reviewer: Reviewer, config: Folder = Path()) -> None:
    """Lock an account: its sessions end, its tokens open nothing."""
    from exfilter.review import recorded

    with _register(config) as (register, record):
        known = register.accounts.get(name).name
        _do(record, reviewer, recorded.DISABLE, known, "", lambda: register.accounts.disable(known))
    typer.echo(f"{known} disabled")


@user.command()
def enable(name: Name, reviewer: Reviewer, config: Folder = Path()) -> None:
    """Unlock an account."""
    from exfilter.review import recorded

    with _register(config) as (register, record):
        known = register.accounts.get(name).name
        _do(record, reviewer, recorded.ENABLE, known, "", lambda: register.accounts.enable(known))
    typer.echo(f"{known} enabled")


@token.command("list")
def list_tokens(format: As = Format.TABLE, config: Folder = Path()) -> None:  # noqa: A002 - the option's name
    """List the tokens that have not ended."""
    with _register(config) as (register, _):
        rows = [
            {"id": each.id, "account": each.account, "role": each.role, "label": each.label,
             "made": _time(each.made), "ends": _time(each.ends), "used": _time(each.used)}
            for each in register.tokens.listed()
        ]  # fmt: skip
    _print(rows, format)


@token.command("add")
def add_token(
    name: Name,
    reviewer: Reviewer,
    role: Annotated[
        roles.Role | None, typer.Option(help="What it may. Default: what the account may.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long.")] = 90,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    config: Folder = Path(),
) -> None:
    """Make a token of an account and print it, this one time.

    A program shows it as `Authorization: Bearer TOKEN`, and may what the account may, but no more than the
    role.
    """
    from exfilter.review import recorded

    with _register(config) as (register, record):
        owner = register.accounts.get(name)
        most = role or owner.role
        reason = f"{most}, {days} days: {label}"
        made = _do(
            record, reviewer, recorded.TOKEN, owner.name, reason,
            lambda: register.tokens.add(owner.name, most, days, label),
        )  # fmt: skip
    typer.echo(made)


@token.command()
def revoke(
    id: Annotated[str, typer.Argument(help="As in the list.", metavar="ID")],  # noqa: A002
    reviewer: Reviewer,
    config: Folder = Path(),
) -> None:
    """End a token."""
    from exfilter.review import recorded

    with _register(config) as (register, record):
        _do(record, reviewer, recorded.REVOKE, id, "", lambda: register.tokens.revoke(id))
    typer.echo(f"{printable(id)} revoked")


def _do[T](record: Record, who: str, act: str, subject: str, reason: str, action: Callable[[], T]) -> T:
    from exfilter.review import recorded

    return recorded.doing(record, who, act, subject, reason, action)


@contextlib.contextmanager
def _register(folder: Path) -> Iterator[tuple[Register, Record]]:
    """Open who may, and what writes down that it changes."""
    given = _settings(folder)
    from exfilter.ledger import open_ledger
    from exfilter.review.recorded import recording
    from exfilter.review.register import Register

    ledger = open_ledger(given)
    register = Register.open(given)
    try:
        yield register, recording(ledger)
    finally:
        register.close()
        ledger.close()


def _settings(folder: Path) -> Settings:
    """Return the folder's settings. Raises ValueError where the extra is not installed."""
    if not all(map(find_spec, EXTRA)):
        msg = "the pages need an extra: run `pip install 'exfilter[review]'`"
        raise ValueError(msg)
    from exfilter import settings

    return settings.load(folder)


def _check_somebody_may(given: Settings) -> None:
    from exfilter.review.accounts import FIRST
    from exfilter.review.register import Register

    register = Register.open(given)
    try:
        nobody = not register.accounts.has_admin()
    finally:
        register.close()
    if nobody and "admin" not in given.oidc_roles.values():
        msg = f"there is no admin yet: run `{FIRST}`"
        raise ValueError(msg)


def _password(file: Path | None) -> str:
    """Return a new password, asked for twice, or the first line of a file."""
    if file is not None:
        if file == Path("-"):
            return sys.stdin.readline().rstrip("\r\n")
        return file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    if not sys.stdin.isatty():
        msg = "no terminal to ask for the password on: give --password-file FILE, or - for standard input"
        raise ValueError(msg)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more"))


def _time(seconds: float | None) -> str | None:
    import datetime as dt

    return None if seconds is None else f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _print(rows: list[dict[str, Any]], format: Format) -> None:  # noqa: A002
    if format is Format.JSON:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*(name.capitalize() for name in rows[0]) if rows else (), box=None, pad_edge=False)
    for row in rows:
        # Text, not str: a name is no markup.
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row.values()))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
