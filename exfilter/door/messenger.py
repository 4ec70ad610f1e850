"""The courier as a door sees it: a process that is started, and started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from structlog.typing import FilteringBoundLogger

    from exfilter.door.plan import Plan

PAUSE = 1.0
"""Seconds before it is started again."""


@asynccontextmanager
async def telling_others(plan: Plan, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Have what is in the outbox delivered while the body runs. The door does not wait for it."""
    task = asyncio.create_task(_keep(plan, log))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(plan: Plan, log: FilteringBoundLogger) -> None:
    while True:
        try:
            process = await _started(plan)
        except OSError:
            log.error("the process that tells others could not be started; it is tried again")  # noqa: TRY400
        else:
            try:
                await process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            log.error("the process that tells others has died; it is started again")
        await asyncio.sleep(PAUSE)


async def _started(plan: Plan) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "exfilter.door.courier", str(plan.folder), plan.style.value, str(os.getpid())),
        stdin=asyncio.subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
