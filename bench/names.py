"""Populations with the frequencies of their names: the US census, and Faker's lists for other languages."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from anyascii import anyascii
from numpy.typing import NDArray

US_SHARE = 0.75
"""Customers with names of the US census; the rest bears those of `LOCALES`."""

NATIVE_ORDER = {
    "hu_HU": "{last} {first}",
    "zh_CN": "{last}{first}",
    "ko_KR": "{last}{first}",
    "ja_JP": "{last} {first}",
}
"""Where the family name comes first. Elsewhere: ``{first} {last}``."""

TWO_SURNAMES = {"es_ES", "es_MX"}

LOCALES: dict[str, tuple[float, str]] = {
    "en_GB": (8, "GB GB GB GB GB GB IE AU NZ ZA"),
    "en_IE": (2, "IE IE IE GB AU"),
    "en_IN": (6, "IN IN IN IN IN IN GB AU CA SG"),
    "de_DE": (12, "DE DE DE DE DE DE DE DE AT CH"),
    "de_AT": (1, "AT"),
    "fr_FR": (8, "FR FR FR FR FR FR FR FR BE CH"),
    "fr_CA": (2, "CA"),
    "es_ES": (5, "ES"),
    "es_MX": (6, "MX MX MX MX US CO"),
    "it_IT": (6, "IT IT IT IT IT IT IT IT IT CH"),
    "nl_NL": (4, "NL NL NL NL NL NL NL NL BE BE"),
    "pt_BR": (5, "BR"),
    "pt_PT": (2, "PT"),
    "pl_PL": (4, "PL"),
    "sv_SE": (3, "SE SE SE SE SE SE SE SE SE FI"),
    "da_DK": (2, "DK"),
    "no_NO": (2, "NO"),
    "fi_FI": (2, "FI"),
    "cs_CZ": (2, "CZ"),
    "sk_SK": (1, "SK"),
    "hu_HU": (1.5, "HU"),
    "ro_RO": (1.5, "RO"),
    "tr_TR": (3, "TR TR TR TR DE"),
    "hr_HR": (1, "HR"),
    "vi_VN": (1.5, "VN VN VN US AU"),
    "ru_RU": (2, "RU"),
    "uk_UA": (1, "UA"),
    "bg_BG": (0.5, "BG"),
    "el_GR": (1, "GR"),
    "zh_CN": (1.5, "CN CN SG TW"),
    "ja_JP": (3, "JP"),
    "ko_KR": (1, "KR"),
}
"""Faker locale: its weight among them and the countries its people live in."""

_US_COUNTRIES = "US " * 85 + "CA " * 8 + "AU " * 4 + "NZ GB PH"
_CAMEL = str.maketrans("", "", "'’`´.- ")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names and how often they are borne; three arrays of one length."""

    written: NDArray[np.object_]
    mailed: NDArray[np.object_]
    """In ASCII, lower case and without separators, as in an e-mail address."""
    cumulative: NDArray[np.float64]
    """Running sum of the chances; the last one is 1."""

    def draw(self, rng: np.random.Generator, rows: int) -> NDArray[np.intp]:
        """Return that many indexes, as frequent as the names are."""
        drawn = np.searchsorted(self.cumulative, rng.random(rows), side="right")
        return np.minimum(drawn, len(self.cumulative) - 1)

    @property
    def chance(self) -> NDArray[np.float64]:
        """How likely somebody bears each name."""
        return np.diff(self.cumulative, prepend=0.0)


@dataclass(frozen=True, slots=True)
class Population:
    """People who take their names from one pair of lists."""

    share: float
    """Of all customers."""
    first: Vocabulary
    last: Vocabulary
    countries: NDArray[np.str_]
    """Each as often as people live there."""
    form: str
    """``{first}`` and ``{last}`` as the name is written."""
    two_surnames: bool


def populations(seed: int, rare: int) -> list[Population]:
    """Return the populations, women and men apart; `rare` invented surnames lengthen the census's tail."""
    rng = np.random.default_rng([seed, 1])
    census = _census(rng, rare)
    total = sum(weight for weight, _ in LOCALES.values())
    people = list(census)
    for locale, (weight, countries) in LOCALES.items():
        people.extend(_faker(locale, (1 - US_SHARE) * weight / total, countries.split(), rng))
    return people


def _census(rng: np.random.Generator, rare: int) -> Iterable[Population]:
    """Yield the US: surnames are shared by women and men. 1.5 % of all bear a mutated, rare one."""
    import names  # noqa: PLC0415 - data: only the generator needs the package

    surnames = _frequencies(names.FILES["last"])
    weights = np.fromiter(surnames.values(), dtype=np.float64)
    mutated = list(_mutated(list(surnames), rng, rare))
    share = 0.015 / US_SHARE
    chances = np.concatenate(
        [weights / weights.sum() * (1 - share), np.full(len(mutated), share / max(1, len(mutated)))]
    )
    last = _vocabulary([*surnames, *mutated], chances)
    countries = np.array(_US_COUNTRIES.split())
    for sex in ("first:female", "first:male"):
        first = _frequencies(names.FILES[sex])
        given = _vocabulary(list(first), np.fromiter(first.values(), dtype=np.float64))
        yield Population(US_SHARE / 2, given, last, countries, "{first} {last}", two_surnames=False)


def _frequencies(path: str) -> dict[str, float]:
    """Read a census file: name, per cent, running per cent, rank. Rare names have 0.000 there."""
    rows = (line.split() for line in Path(path).read_text(encoding="ascii").splitlines())
    return {row[0].capitalize(): float(row[1]) or 0.0004 for row in rows if row}


def _mutated(surnames: list[str], rng: np.random.Generator, count: int) -> Iterable[str]:
    """Yield surnames that nobody bears: a syllable of one put into another."""
    one, other = (rng.integers(0, len(surnames), count) for _ in range(2))
    cuts = rng.integers(2, 5, count)
    for left, right, cut in zip(one.tolist(), other.tolist(), cuts.tolist(), strict=True):
        yield surnames[left][:-2] + surnames[right][-cut:].lower()


def _faker(locale: str, share: float, countries: list[str], rng: np.random.Generator) -> Iterable[Population]:
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    for sex in ("female", "male"):
        first = _listed(provider, "first_names", sex, rng)
        last = _listed(provider, "last_names", sex, rng)
        form = NATIVE_ORDER.get(locale, "{first} {last}")
        yield Population(share / 2, first, last, np.array(countries), form, locale in TWO_SURNAMES)


def _listed(provider: object, attribute: str, sex: str, rng: np.random.Generator) -> Vocabulary:
    """Take a list of Faker's with its weights; where it has none, few names are common and most rare."""
    places = f"{attribute}_{sex}", f"unisex_{attribute}", attribute
    listed = next(found for place in places if (found := getattr(provider, place, None)))
    if isinstance(listed, Mapping):
        names, chances = list(listed), np.fromiter(listed.values(), dtype=np.float64)
    else:
        names = sorted({name for name in listed if len(name) > 0})
        chances = 1 / (rng.permutation(len(names)) + 5.0)
    kept = [number for number, name in enumerate(names) if not set(name) & set(',"{}')]
    return _vocabulary([names[number] for number in kept], chances[kept])


def _vocabulary(names: list[str], weights: NDArray[np.float64]) -> Vocabulary:
    cumulative = np.cumsum(weights / weights.sum())
    mailed = [_mail(name) for name in names]
    return Vocabulary(np.array(names, dtype=object), np.array(mailed, dtype=object), cumulative)


def _mail(name: str) -> str:
    plain = anyascii(name).translate(_CAMEL).lower()
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum()) or "user"
