"""One file of a store, as it was when it was listed."""

from __future__ import annotations

from dataclasses import dataclass

from exfilter.model import Reason

CHANGED = "changed since it was listed"


class Unreadable(Exception):  # noqa: N818 - a state of a file, not an error of ours
    """A file's bytes could not be had. The message says why, without the path."""

    def __init__(self, problem: str, reason: Reason, *, passing: bool = False) -> None:
        """Keep the reason, as a verdict names it; ``passing``: it may be gone at another try."""
        super().__init__(problem)
        self.problem = problem
        self.reason = reason
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Item:
    """A file, or what could not be listed."""

    root: str
    """The store, or the local folder, with its separator. Empty: a local file that was named itself."""
    key: str
    """Its name in there."""
    size: int = 0
    """Bytes."""
    version: str = ""
    """The store's tag of the content; of a local file, its time of change and size. Empty: nobody knows."""
    owner: str = ""
    """Empty: the store does not say."""
    problem: str = ""
    """Why it cannot be read at all. Empty: it may."""
    reason: Reason = Reason.MALFORMED
    """The same, as a verdict names it."""

    @property
    def url(self) -> str:
        """What it is called: for a local file the path, as ``exfilter scan`` prints it."""
        return self.root + self.key

    @property
    def folder(self) -> str:
        """The folder that it lies in, without the last separator."""
        return self.url.rpartition("/")[0]

    @property
    def type(self) -> str:
        """The ending of its name in lower case, without the dot. Empty: it has none."""
        stem, _, ending = self.key.rpartition("/")[2].rpartition(".")
        return ending.lower() if stem else ""
