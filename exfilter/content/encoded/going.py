"""Encoded bytes that are opened as a content of their own, also where their text is cut into slices."""

from __future__ import annotations

from collections.abc import Iterator

from exfilter.content.budget import Budget, Inner, Item
from exfilter.content.encoded import runs
from exfilter.content.encoded.meaning import deflated
from exfilter.content.encoded.reading import Choice
from exfilter.content.encoded.runs import Run
from exfilter.model import Part, Reason, Unscanned

_HEAD = 1 << 12


class Going:
    """A long run, decoded slice by slice."""

    def __init__(self, part: Part, run: Run, choice: Choice) -> None:
        """Begin with the run of `part`; its letters have to be added."""
        self._path = (*part.path, choice.step)
        self._run = run
        self._choice = choice
        self._letters = ""
        self._chunks: list[bytes] = []
        self._held = 0
        self._lost = 0
        self._seam = ""

    def add(self, letters: str, budget: Budget) -> None:
        """Decode more letters; some may have to wait for those behind them."""
        letters = self._letters + letters
        unit = self._choice.code.unit
        end = 0 if self._choice.backwards else len(letters) // unit * unit
        self._letters = letters[end:]
        self._keep(letters[:end], budget)

    def _keep(self, letters: str, budget: Budget) -> None:
        data = self._choice.code.decode(self._choice.undo(letters)) if letters else b""
        if budget.charge(len(data), len(letters), len(data)) and budget.hold(len(data)):
            self._chunks.append(data)
            self._held += len(data)
        else:
            self._lost += len(data)

    def goes_on(self, text: str, end: int, overlap: int) -> bool:
        """Whether the run that ends there may go on in the next slice of its text."""
        behind = text[end:]
        if behind and not self._run.mark.startswith(behind):
            return False
        self._seam = text[max(0, len(text) - overlap) : end]
        return True

    def resumed(self, text: str, budget: Budget) -> int:
        """Add what the next slice begins with. Returns where the run ends in it, 0 if it does not go on."""
        if not text.startswith(self._seam):
            return 0
        start = len(self._seam)
        end = runs.rest(text, start, self._run)
        mark = self._run.mark
        self.add((text[start:end].replace(mark, "") if mark else text[start:end]).rstrip("="), budget)
        return end

    def finish(self, budget: Budget) -> Iterator[Item]:
        """Hand the bytes to who opens them, and yield what had no room."""
        self._keep(self._letters, budget)
        self._letters = ""
        if self._held:
            head = next(filter(None, self._chunks))
            budget.inner.append(Inner(self._path, self._chunks, self._held, deflated(head[:_HEAD])))
        if self._lost:
            yield Unscanned(" > ".join(self._path), Reason.OVER_BUDGET, self._lost)
