"""Settings that all tests share."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

settings.register_profile(
    "exfilter", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("exfilter")

# Behind site-packages: what the wheel installed is what is tested; only fixtures/ and tests/ come from here.
sys.path.append(str(Path(__file__).parent.parent))
