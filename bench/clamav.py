"""ClamAV as a peer: ``clamscan`` with one signature for each identifier, and nothing else in its database."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PROGRAM = "clamscan"
MISSING = "not installed: apt-get install clamav"
ENDS = 0, 1
"""Exit codes of a scan that came to its end: nothing found, something found."""


def version() -> str:
    """Return the version, or an empty string where it is not installed."""
    if shutil.which(PROGRAM) is None:
        return ""
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return said.stdout.strip().partition("/")[0]


def database(values: Iterable[str], folder: Path) -> Path:
    """Write a signature for each value, named by its number: any type of file, any place in it (.ndb)."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"v{number}:0:*:{value.encode().hex()}\n" for number, value in enumerate(values))
    (folder / "customers.ndb").write_text("".join(lines), encoding="ascii")
    return folder


def command(signatures: Path, *paths: Path) -> list[str]:
    """Return the command line that says every match in files and folders."""
    limits = ("--max-filesize=0", "--max-scansize=0", "--max-scantime=0")
    how = ("--allmatch", "--no-summary", "--recursive", *limits)
    return [PROGRAM, f"--database={signatures}", *how, *map(str, paths)]


def matches(output: str) -> dict[str, set[int]]:
    """Return the numbers of the values that were found, by file name."""
    found: dict[str, set[int]] = {}
    for line in output.splitlines():
        path, _, said = line.rpartition(": ")
        name = said.partition(".")[0]
        if said.endswith(" FOUND") and name[1:].isdigit():
            found.setdefault(Path(path).name, set()).add(int(name[1:]))
    return found
