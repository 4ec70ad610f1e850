"""``manifest.json``: what an index is, what its files must be, and a MAC over it all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import msgspec

from detectors.tickets import Run, Template
from exfilter.index.keys import KEY_CHECK, MANIFEST, IndexKey
from exfilter.index.sealed import open_shapes, seal_shapes
from exfilter.kernel.tables import Shape
from exfilter.model import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 3
"""Of the directory. 3: customers have countries, and some may be canaries."""
READABLE = (2, FORMAT)
"""Formats that are opened. Another one is refused."""
FILE = "manifest.json"
REBUILD = "build it again with `exfilter index build CUSTOMERS`"


class IndexRefused(ValueError):  # noqa: N818 - the name says what happened
    """An index that must not be used, with the reason and the next step."""


class ArrayFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an array file must be."""

    sha256: str
    size: int
    dtype: str
    shape: tuple[int, ...]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest without its MAC. Deterministic: it holds no time."""

    format: int
    canonicaliser: int
    key_check: str
    customers: int
    """In the table of the last build."""
    ordinals: int
    """Also of customers who are gone."""
    keys: dict[str, int]
    """Distinct, by kind."""
    statistics: dict[str, int]
    sealed: str
    """Shapes and templates, base64."""
    arrays: dict[str, ArrayFile]
    has_ids: bool
    """Whether a column of the table held customer ids. Without them nobody can be updated."""
    canaries: str = ""
    """Who is one, and of which team: sealed, base64. Empty: there are none."""
    updated: dict[str, int] = {}
    """Customers added, changed and removed by updates since the build. Empty: there was none."""


class _Sealed(msgspec.Struct, frozen=True):
    shapes: tuple[tuple[str, int, float, int], ...]
    templates: tuple[tuple[tuple[str, int, bool], ...], ...]


def key_check(key: IndexKey) -> str:
    """Return the value that tells this key from another one."""
    return key.subkey(KEY_CHECK).hex()


def seal(shapes: tuple[Shape, ...], templates: tuple[Template, ...], key: IndexKey) -> str:
    """Return shapes and templates as the manifest has them."""
    plain = _Sealed(
        tuple((shape.name, int(shape.kind), shape.space, shape.keys) for shape in shapes),
        tuple(
            tuple((run.literal, run.length, run.digits) for run in template.runs) for template in templates
        ),
    )
    return base64.b64encode(seal_shapes(msgspec.json.encode(plain), key)).decode()


def unseal(manifest: Manifest, key: IndexKey) -> tuple[tuple[Shape, ...], tuple[Template, ...]]:
    """Return the shapes and the templates."""
    plain = msgspec.json.decode(open_shapes(base64.b64decode(manifest.sealed), key), type=_Sealed)
    return (
        tuple(Shape(name, Kind(kind), space, keys) for name, kind, space, keys in plain.shapes),
        tuple(Template(tuple(Run(*run) for run in runs)) for runs in plain.templates),
    )


def encode(manifest: Manifest, key: IndexKey) -> tuple[bytes, str]:
    """Return the file's content and its MAC."""
    fields = msgspec.to_builtins(manifest)
    mac = _mac(fields, key)
    text = json.dumps({**fields, "mac": mac}, indent=1, sort_keys=True)
    return f"{text}\n".encode(), mac


def identity(mac: str) -> str:
    """Return the id of the index: the beginning of its manifest's MAC."""
    return mac[:16]


def read(directory: Path, key: IndexKey) -> tuple[Manifest, str]:
    """Return the manifest in a directory and its MAC.

    Raises IndexRefused for another format or key, and for a manifest that was altered.
    """
    file = directory / FILE
    try:
        fields = json.loads(file.read_bytes())
        mac = fields.pop("mac")
        form = fields["format"]
    except FileNotFoundError:
        msg = f"the index has lost its {file}: {REBUILD}"
        raise IndexRefused(msg) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        msg = f"{file} is altered or truncated: {REBUILD}"
        raise IndexRefused(msg) from None
    if form not in READABLE:
        msg = f"{file}: the index has format {form!r}, this exfilter reads format {FORMAT}: {REBUILD}"
        raise IndexRefused(msg)
    if fields.get("key_check") != key_check(key):
        msg = f"{directory.parent}: the index was built with another key: give that key, or {REBUILD} --fresh"
        raise IndexRefused(msg)
    if not isinstance(mac, str) or not hmac.compare_digest(mac.encode(), _mac(fields, key).encode()):
        msg = f"{file} is altered: its MAC does not match: {REBUILD}"
        raise IndexRefused(msg)
    return msgspec.convert(fields, Manifest), mac


def _mac(fields: Mapping[str, object], key: IndexKey) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key.subkey(MANIFEST, 32), canonical, "sha256").hex()


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
