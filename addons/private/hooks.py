"""Asks only those addons about an event that have something to do with it.

mitmproxy goes through all of them, each behind a net of its own, at every event and once more after it: that
is a third of what it does for a small request.
"""

# mypy: untyped-calls-exclude=mitmproxy

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.exceptions import AddonHalt

if TYPE_CHECKING:
    from mitmproxy.hooks import Hook

_concerned: WeakKeyDictionary[AddonManager, tuple[list[Any], dict[str, list[Any]]]] = WeakKeyDictionary()
"""The addons of a manager, and by the name of an event those that hear of it."""


class Hooks:
    """Has mitmproxy do that."""

    def load(self, _loader: object) -> None:
        """Replace how it goes through its addons; what it does with each stays its own."""
        AddonManager.trigger_event = _triggered  # type: ignore[method-assign,assignment]


async def _triggered(manager: AddonManager, event: Hook) -> None:
    for addon in concerned(manager, event.name):
        try:
            with safecall():
                await manager.invoke_addon(addon, event)
        except AddonHalt:
            return


def concerned(manager: AddonManager, name: str) -> list[Any]:
    """Return the addons that hear of an event of this name, in their order."""
    chain, by_name = _concerned.get(manager, (None, {}))
    if chain != manager.chain:  # one was added or removed
        by_name = {}
        _concerned[manager] = list(manager.chain), by_name
    if name not in by_name:
        by_name[name] = [
            addon for addon in manager.chain if any(getattr(each, name, None) for each in traverse([addon]))
        ]
    return by_name[name]
