"""Countries of a customer table as regions of the telephone network."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import phonenumbers

from detectors.folding import fold

_ALSO = {
    "usa": "US",
    "u.s.a.": "US",
    "u.s.": "US",
    "america": "US",
    "united states of america": "US",
    "uk": "GB",
    "u.k.": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "great britain": "GB",
    "holland": "NL",
    "czechia": "CZ",
    "czech republic": "CZ",
    "uae": "AE",
    "korea": "KR",
    "turkey": "TR",
}


@functools.lru_cache(maxsize=4096)
def region(country: str) -> str | None:
    """Return the region of a country: ISO code, calling code, or name in any larger language.

    None: not known.
    """
    text = country.strip()
    upper = text.upper()
    if upper in phonenumbers.SUPPORTED_REGIONS:
        return str(upper)
    code = text.removeprefix("+").removeprefix("00")
    if code.isascii() and code.isdigit():
        found = phonenumbers.region_code_for_country_code(int(code)) if len(code) < 4 else "ZZ"
        return found if found in phonenumbers.SUPPORTED_REGIONS else None
    return _names().get(fold(text))


@functools.cache
def _names() -> dict[str, str]:
    """Return the names of all regions in all languages that phonenumbers brings."""
    names: dict[str, str] = {}
    locales = _locales()
    for code in sorted(phonenumbers.SUPPORTED_REGIONS):
        for name in locales.get(code, {}).values():
            if not name.startswith("*"):
                names.setdefault(fold(name), code)
    return names | _ALSO


def _locales() -> dict[str, dict[str, str]]:
    """Load the one module of names: its package would load the map of all area codes, 20 MB."""
    place = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", place)
    if spec is None or spec.loader is None:
        msg = f"{place} is missing: install phonenumbers again"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    locales: dict[str, dict[str, str]] = module.LOCALE_DATA
    return locales
