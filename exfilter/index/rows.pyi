from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.tickets import Template
from exfilter.index.codes import Shapes
from exfilter.index.columns import Use
from exfilter.index.dialling import Plan
from exfilter.model import Int64Array, Uint64Array

def tag(key: bytes, message: bytes) -> int: ...
def row_tags(key: bytes, numbers: Int64Array) -> Uint64Array: ...
def count_lines(data: bytes) -> int: ...

class Block:
    data: bytes
    at: int
    line: int
    rows: int
    without_region: int
    def __init__(self, data: bytes, keys_a_row: int, names_a_row: int) -> None: ...
    def add(self, identity: bytes, who: int, content: int, flags: int) -> int: ...
    def skip(self, size: int, lines: int) -> None: ...
    def arrays(
        self,
    ) -> tuple[
        Uint64Array,
        Uint64Array,
        Uint64Array,
        Uint64Array,
        Uint64Array,
        NDArray[np.uint8],
        Uint64Array,
        NDArray[np.uint16],
    ]: ...
    def identities(self) -> bytes: ...
    def left(self) -> Int64Array: ...

class Reader:
    sampled: int
    keys_a_row: int
    names_a_row: int
    def __init__(
        self,
        uses: Sequence[Use | None],
        separator: int,
        quoted: bool,
        keys: Mapping[str, bytes],
        shapes: Shapes,
        templates: Sequence[Template],
        plan: Plan,
        letters: Uint64Array,
        region: int,
    ) -> None: ...
    def know(self, country: bytes, region: int, code: int) -> None: ...
    def sample(self, bits: int) -> None: ...
    def read(self, block: Block) -> bool: ...
    def read_tickets(self, block: Block) -> bool: ...
