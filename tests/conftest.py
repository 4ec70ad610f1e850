"""Settings that all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

FUZZING = "EXFILTER_EXAMPLES" in os.environ
"""``make fuzz``: many examples, and others in each run."""

settings.register_profile(
    "exfilter",
    derandomize=not FUZZING,
    deadline=None,
    max_examples=int(os.environ.get("EXFILTER_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("exfilter")

# Behind site-packages: what the wheel installed is what is tested; only fixtures/ and tests/ come from here.
sys.path.append(str(Path(__file__).parent.parent))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bodies by their argument: bytes such as gzip's time differ from one worker to the other."""
    return argname if isinstance(val, bytes) else None
