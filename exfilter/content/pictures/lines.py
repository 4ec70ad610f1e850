"""The words of a page in the order in which they are read: a row is a line, its cells are apart by a tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text and where it stands."""

    text: str
    corners: npt.NDArray[np.float64]
    """x and y of its four corners: left above, right above, right below, left below."""


class _Box(NamedTuple):
    text: str
    start: float
    end: float
    middle: float
    height: float


def lines(words: list[Word]) -> str:
    """Return the lines of a page. Empty: it has no words.

    A page that was laid in askew, or on its side, is put straight first: by the direction that half of its
    words have.
    """
    if not words:
        return ""
    corners = np.array([word.corners for word in words])
    across = corners[:, 1] - corners[:, 0]
    down = corners[:, 3] - corners[:, 0]
    upright = np.linalg.norm(down, axis=1) > 1.5 * np.linalg.norm(across, axis=1)
    if upright.mean() > 0.5:  # on its side: it is turned by a quarter
        corners = np.stack([corners[:, :, 1], -corners[:, :, 0]], axis=2)
        corners = np.roll(corners, -1, axis=1)
        across = corners[:, 1] - corners[:, 0]
    long = np.linalg.norm(across, axis=1) > np.median(np.linalg.norm(across, axis=1)) / 2
    slope = float(np.median(np.arctan2(across[long, 1], across[long, 0])))
    turn = np.array([[np.cos(slope), -np.sin(slope)], [np.sin(slope), np.cos(slope)]])
    return "".join(f"{_joined(row)}\n" for row in _rows(_boxes(words, corners @ turn)))


def _boxes(words: list[Word], corners: npt.NDArray[np.float64]) -> list[_Box]:
    low, high = corners.min(axis=1), corners.max(axis=1)
    middle = (low[:, 1] + high[:, 1]) / 2
    return [
        _Box(
            word.text,
            float(low[at, 0]),
            float(high[at, 0]),
            float(middle[at]),
            float(high[at, 1] - low[at, 1]),
        )
        for at, word in enumerate(words)
    ]


def _rows(boxes: list[_Box]) -> list[list[_Box]]:
    """Return the boxes whose middles are at one height together."""
    rows: list[list[_Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        last = rows[-1][-1] if rows else None
        if last is not None and box.middle - last.middle < min(box.height, last.height) / 2:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [sorted(row, key=lambda box: box.start) for row in rows]


def _joined(row: list[_Box]) -> str:
    text, end = row[0].text, row[0].end
    for box in row[1:]:
        text += ("\t" if box.start - end > box.height else " ") + box.text
        end = max(end, box.end)
    return text
