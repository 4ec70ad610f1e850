"""Small customer tables and the indexes of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from detectors import Key
from exfilter.index.build import Options, build
from exfilter.index.keys import IndexKey
from exfilter.index.report import Report
from exfilter.index.store import Index
from exfilter.kernel.siphash import siphash24
from exfilter.kernel.tables import Tables

TABLE = """\
customer_id,name,email,phone,ticket,country
C-0001,Anna Kowalska,anna.kowalska@post.example,+1 212 555 0142,TM-12345678,US
C-0002,"Brown, Henry",H.Brown@Mail.Example,(212) 555-0143,TM-12345679,US
C-0003,Ludwig van der Berg,l.berg@post.example,030 23125117,TM-12345680,DE
C-0004,Ina Berg,ina@post.example;ina.berg@mail.example,,TM-12345681,DE
"""
VALUES = (
    "C-0001 C-0002 C-0003 C-0004 Anna Kowalska Brown Henry Ludwig Berg post.example mail.example 12345678 TM "
    "2125550142 23125117"
).split()
"""What of the table must stand nowhere."""


def key(first: int = 0) -> IndexKey:
    """Return a key that is no secret."""
    return IndexKey(bytes(range(first, first + 32)))


def write(folder: Path, content: str | bytes, name: str = "customers.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def make(
    folder: Path, content: str | bytes = TABLE, name: str = "customers.csv", **options: object
) -> Report:
    """Build ``folder / "index"`` from a table."""
    return build(write(folder, content, name), folder / "index", key(), Options(**options))  # type: ignore[arg-type]


def opened(folder: Path) -> Index:
    return Index.open(folder / "index", key())


def bearers(tables: Tables, found: Key) -> list[int]:
    """Return the ordinals of all who bear a key: the look-up of the kernel, one at a time."""
    tag = siphash24(tables.kind_keys[found.kind], [found.canonical])
    return list(map(int, tables.expand(tables.look_up(tag))[1]))


def ids(index: Index, keys: Iterable[Key]) -> list[set[str]]:
    """Return the customers of each key by their ids."""
    return [set(index.customer_ids(bearers(index.tables, each))) for each in keys]
