"""The textbook's model for counts that vary more than chance, to compare with: zeros and all in one.

Mean and size by moments, without the highest twentieth of the own days; the mean is pulled to the peers' by
its standard error, the size by twenty days.
"""

from __future__ import annotations

import math

import numpy as np

from exfilter.ledger.normal import Floats
from exfilter.model import Int64Array

PULL = 20
TERMS = 60
"""Of the continued fraction. Its precision matters little at these probabilities."""


def judge(past: Int64Array, seen: Int64Array) -> Floats:
    """Return log10 P(Y >= seen). ``past``: [actors, spans], -1 where unknown; ``seen``: [actors, days]."""
    known = np.maximum((past >= 0).sum(axis=1), 1)
    mean, variance = _moments(past, known)
    size = mean**2 / np.maximum(variance - mean, 0.05 * mean**2 + 1e-6)
    size = np.maximum(size, 0.02)
    size = np.exp((known * np.log(size) + PULL * np.log(np.median(size))) / (known + PULL))
    between, error = max(float(mean.var()), 1e-6), np.maximum(variance, mean.mean()) / known
    weight = between / (between + error)
    centre = np.maximum(mean.mean() + weight * (mean - mean.mean()), 0.003)
    size = 1 / (1 / size + (1 - weight) * between / centre**2)
    shape = seen.shape
    return _log10_tail(
        seen.astype(np.float64),
        np.broadcast_to(centre[:, None], shape),
        np.broadcast_to(size[:, None], shape),
    )


def _moments(past: Int64Array, known: Int64Array) -> tuple[Floats, Floats]:
    """Return mean and variance of each row, its highest twentieth cut down."""
    ordered = np.sort(past, axis=1)
    at = np.clip(past.shape[1] - known + np.ceil(0.95 * known).astype(np.int64) - 1, 0, past.shape[1] - 1)
    highest = np.maximum(np.take_along_axis(ordered, at[:, None], axis=1), 1)
    values = np.where(past >= 0, np.minimum(past, highest), 0).astype(np.float64)
    mean = values.sum(axis=1) / known
    return mean, np.where(past >= 0, (values - mean[:, None]) ** 2, 0.0).sum(axis=1) / known


def _log10_tail(seen: Floats, mean: Floats, size: Floats) -> Floats:
    """Return log10 of the regularised incomplete beta function I_p(seen, size), p = mean / (mean + size)."""
    least = np.maximum(seen, 1.0)
    chance = mean / (mean + size)
    turned = chance > (least + 1) / (least + size + 2)
    a, b = np.where(turned, size, least), np.where(turned, least, size)
    x = np.where(turned, 1 - chance, chance)
    front = a * np.log(x) + b * np.log1p(-x) + _lgamma(a + b) - _lgamma(a) - _lgamma(b) - np.log(a)
    log = front + np.log(_fraction(a, b, x))
    log = np.where(turned, np.log1p(-np.exp(np.minimum(log, -1e-16))), log)
    return np.where(seen > 0, np.minimum(log, 0.0) / math.log(10), 0.0)


def _fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    """Return the continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    upper = np.ones_like(x)
    lower = 1 / (1 - (a + b) * x / (a + 1))
    value = lower
    for n in range(1, TERMS):
        even = n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n))
        odd = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1))
        for step in (even, odd):
            lower, upper = 1 / (1 + step * lower), 1 + step / upper
            value = value * lower * upper
    return value


def _lgamma(x: Floats) -> Floats:
    """Return log of the gamma function (Stirling, eight steps up)."""
    up = x + 8.0
    product = np.prod([x + step for step in range(8)], axis=0)
    series = 1 / (12 * up) - 1 / (360 * up**3) + 1 / (1260 * up**5)
    return (up - 0.5) * np.log(up) - up + 0.5 * math.log(2 * math.pi) + series - np.log(product)
