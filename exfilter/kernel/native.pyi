# Types of the compiled kernel, native.pyx.

import numpy as np
from numpy.typing import NDArray

from exfilter.kernel.prepare import Bytes, Plan
from exfilter.model import Int64Array

CLASSES: dict[str, int]

class Scan:
    def addresses(self) -> list[tuple[int, int]]: ...
    def add_addresses(self, found: list[tuple[int, int, bytes]]) -> None: ...
    def rest(self) -> None: ...
    def results(self) -> tuple[NDArray[np.void], int]: ...

def scan(
    data: bytes,
    classes: Bytes | None,
    records: Int64Array | None,
    plan: Plan,
    ascii_table: bytes,
) -> Scan: ...
