"""Words of the policy: classification marks, project names, canary customers (Aho-Corasick)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import ahocorasick

from detectors.folding import fold

SAME = (("Project Heron", "PROJECT  HERON", "project heron", "project\nheron"),)
LOOKALIKES = (("Project Heron", "Project Herons"), ("Heron", "sheron"))


class Terms:
    """Finds the terms of all labels in one pass. Terms match folded, at word boundaries."""

    def __init__(self, labelled: Mapping[str, Sequence[str]]) -> None:
        """Build the automaton from label -> terms. Raises ValueError for an empty term."""
        self._automaton = ahocorasick.Automaton()
        for label, terms in labelled.items():
            for term in terms:
                form = canonical(term)
                if not form:
                    msg = f"a term of label {label!r} is empty: remove it"
                    raise ValueError(msg)
                labels = self._automaton.get(form, (len(form), set()))[1] | {label}
                self._automaton.add_word(form, (len(form), labels))
        if len(self._automaton):
            self._automaton.make_automaton()

    def count(self, text: str) -> Counter[str]:
        """Return the occurrences by label in text, folded or not. Costs nothing where there are no terms."""
        counts: Counter[str] = Counter()
        if not len(self._automaton):
            return counts
        folded = canonical(text)
        for end, (length, labels) in self._automaton.iter(folded):
            if _is_edge(folded, end + 1 - length) and _is_edge(folded, end + 1):
                counts.update(labels)
        return counts


def canonical(term: str) -> str:
    """Return the folded term with single spaces."""
    return " ".join(fold(term).split())


def _is_edge(text: str, at: int) -> bool:
    return at in (0, len(text)) or not (text[at - 1].isalnum() and text[at].isalnum())
