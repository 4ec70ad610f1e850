"""The reading addon: what declared internal hosts answer is copied on its way, and counted afterwards.

It holds nothing back and delays nothing: who was shown whom is a matter of the ledger.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from exfilter import flows
from exfilter.door import metrics
from exfilter.door.metrics import Counted
from exfilter.door.spool import Spool

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from exfilter.door.desk import Desk

AT_ONCE, OF_ONE = 256, 8
"""Responses that are copied or wait to be counted at a time, and of one actor. What comes beyond is not."""


class Reading:
    """Copies responses of some hosts."""

    def __init__(self, desk: Desk, hosts: tuple[str, ...], limit: int) -> None:
        """Take the patterns of hosts, and the bytes of the largest response that is read."""
        self._desk = desk
        self._hosts = hosts
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._copies: Counter[str] = Counter()
        """By actor."""

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Copy a response while it passes. The guard has it streamed already."""
        if flow.response is None or not self._is_read(flow.request.host):
            return
        actor = flows.actor(flow)
        if self._copies.total() >= AT_ONCE or self._copies[actor] >= OF_ONE:
            metrics.viewed(Counted.NOT)
            return
        self._copies[actor] += 1
        flow.response.stream = _Copy(self, flow, self._limit)

    def read(self, flow: HTTPFlow, spool: Spool, missing: int) -> None:
        """Count what came back; of a connection that broke, what came of it. ``missing``: not copied."""
        task = asyncio.get_running_loop().create_task(self._count(flow, spool, missing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def response(self, flow: HTTPFlow) -> None:
        """Count a response whose end was not streamed: it has no body, or its connection broke."""
        if flow.response is not None and isinstance(flow.response.stream, _Copy):
            flow.response.stream.end()

    error = response

    async def _count(self, flow: HTTPFlow, spool: Spool, missing: int) -> None:
        try:
            if spool.dropped:  # there was no room for it
                metrics.viewed(Counted.NOT)
            elif spool:
                shown = replace(flows.from_response(flow), body=spool.body())
                await self._desk.view(shown, missing)
        finally:
            spool.clear()
            self._copies -= Counter([flows.actor(flow)])

    def _is_read(self, host: str) -> bool:
        name = host.lower().removesuffix(".")
        return any(name.endswith(each[1:]) if each.startswith("*.") else name == each for each in self._hosts)


class _Copy:
    """What mitmproxy calls for each piece of a response. Of one that is too large it keeps the beginning."""

    def __init__(self, reading: Reading, flow: HTTPFlow, limit: int) -> None:
        self._reading, self._flow, self._limit = reading, flow, limit
        self._spool, self._ended = Spool(), False
        self._missing = 0

    def __call__(self, data: bytes) -> bytes:
        if not data:
            self.end()
        elif not self._ended:
            self._take(data)
        return data

    def _take(self, data: bytes) -> None:
        start = data[: max(0, self._limit - len(self._spool))]
        self._missing += len(data) - len(start)
        if start:
            self._spool += start

    def end(self) -> None:
        """Have it counted, once."""
        if not self._ended:
            self._ended = True
            self._reading.read(self._flow, self._spool, self._missing)
