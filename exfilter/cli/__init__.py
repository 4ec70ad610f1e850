"""The ``exfilter`` command. Sub-commands are imported when they are called, so that it starts fast."""

from __future__ import annotations

import io
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from exfilter import __version__

COMMANDS = {
    "init": ("exfilter.cli.init:init", "Make a configuration folder: keys, policy, settings."),
    "index": ("exfilter.cli.index:app", "Build, update, merge, show and verify the customer index."),
    "canaries": ("exfilter.cli.canaries:app", "Invent customers that say whose copy of the table leaked."),
    "scan": ("exfilter.cli.scan:scan", "Count the customers in files and say what would be held."),
    "proxy": ("exfilter.cli.proxy:proxy", "Run the egress proxy that holds transfers with customers."),
    "icap": ("exfilter.cli.icap:icap", "Judge what Squid or another proxy asks about over ICAP."),
    "quarantine": ("exfilter.cli.quarantine:app", "Review what was held: list, show, release, deny."),
    "review": ("exfilter.cli.review:app", "Review in the browser, and say who may."),
    "baseline": ("exfilter.cli.baseline:baseline", "Compare a day of an actor with his past and his peers."),
    "trace": ("exfilter.cli.trace:trace", "Rank who may have leaked a few customers."),
    "suspend": ("exfilter.cli.suspend:app", "Hold everything of an actor: list, add, lift."),
    "notices": ("exfilter.cli.notices:app", "What others are told: list, retry, test a receiver."),
    "pseudonym": ("exfilter.cli.pseudonym:pseudonym", "Say what the decision log calls somebody."),
    "ledger": ("exfilter.cli.ledger:app", "Show who sent customers where; tidy; erase a customer."),
    "exposure": (
        "exfilter.cli.exposure:exposure",
        "List the affected customers of transfers, for the notices.",
    ),
    "case": ("exfilter.cli.case:app", "Say who is behind a pseudonym, with a reason, recorded."),
    "audit": ("exfilter.cli.audit:app", "Who decided what: list, verify, sign and export the audit log."),
    "replay": ("exfilter.cli.replay:replay", "Run a recorded capture through the same pipeline."),
}
"""Name: where it is, and its line in ``exfilter --help``."""

BROKEN = 2
"""Exit code of every error."""
INTERRUPTED = 130
PIPE_CLOSED = 141


def _load(name: str) -> Any:  # noqa: ANN401 - a command of whichever click typer brings
    module, attribute = COMMANDS[name][0].split(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


class _Lazy(TyperGroup):
    """Shows every sub-command by its one line, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - handed through to typer
        attributes["commands"] = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}
        super().__init__(**attributes)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401
        """Return the command itself instead of its line in the help."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name else None, rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command. Output that nobody reads any more is no finding: typer would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Python would complain once more while it flushes and shuts down.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None


app = typer.Typer(
    cls=_Lazy,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_versions(wanted: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if not wanted:
        return
    from detectors import CANONICALISER
    from exfilter import kernel

    typer.echo(f"exfilter {__version__} (kernel {kernel.NAME}, canonicaliser {CANONICALISER})")
    raise typer.Exit


@app.callback()
def _exfilter(
    *,
    versions: Annotated[
        bool,
        typer.Option("--version", callback=_print_versions, is_eager=True, help="Show versions and exit."),
    ] = False,
) -> None:
    """Count the customers in what leaves the company, and hold the transfer.

    Start with `exfilter init`, then `exfilter index build CUSTOMERS`.
    Exit codes: 0 nothing to hold, 1 something would be held, 2 an error or something was not read.
    """


def main() -> NoReturn:
    """Run the command line. No traceback is ever printed: its locals would show customers' values."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        typer.main.get_command(app)(prog_name="exfilter")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except UnicodeError as error:
        sys.exit(_unexpected(error))
    except (ValueError, OSError) as error:
        typer.echo(f"exfilter: {error}", err=True)
        sys.exit(BROKEN)
    except Exception as error:  # noqa: BLE001 - the last resort before a traceback
        sys.exit(_unexpected(error))
    sys.exit(0)


def _unexpected(error: Exception) -> int:
    """Say what broke and where, but not the message: it may quote what was being read."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    typer.echo(f"exfilter: internal error: {type(error).__name__} at {place}; please report it", err=True)
    return BROKEN
