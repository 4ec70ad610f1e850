# Types of the compiled kernel, native.pyx.

import numpy as np
from numpy.typing import NDArray

from exfilter.kernel import prepare
from exfilter.model import Int64Array, Uint64Array

type _Shapes = NDArray[np.uint16]
type _Columns = NDArray[np.uint8]
type _Hits = tuple[_Shapes, Int64Array, Int64Array, NDArray[np.uint32], Uint64Array, _Shapes, _Columns]
type _Distinct = tuple[_Shapes, _Shapes, Uint64Array, _Columns]

class Plan:
    def __init__(self, plan: prepare.Plan) -> None: ...

def find(text: str, plan: Plan, records: Int64Array | None) -> tuple[_Hits, _Distinct, int]: ...
